"""The worker: it reacts to plays, to swaps of the generation, and to late workers' records."""
