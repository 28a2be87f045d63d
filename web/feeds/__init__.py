"""What the gateway follows on Kafka."""
