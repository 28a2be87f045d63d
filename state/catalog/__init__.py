"""What is known of items, and which of them are available."""
