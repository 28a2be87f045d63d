"""The memory: user records, generations, catalog and lists."""
