"""Files, checksums and RocksDB on disk."""
