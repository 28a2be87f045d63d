"""Files of plays and of catalog items, and their replay into Kafka."""
