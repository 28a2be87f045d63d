"""Connections to Kafka: the only maker of clients, their credentials, and the cause of a failure."""
