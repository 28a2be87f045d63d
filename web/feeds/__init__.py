"""The feeds of the gateway: the topics that it follows on Kafka."""
