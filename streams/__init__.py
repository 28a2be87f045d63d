"""The wire: settings, records, topics, Kafka."""
