"""A gateway's view of the topics on its disk: lists, related items, the catalog. It does not need a worker."""
