"""The path of a play: decode, learn, fold in, rank, commit."""
