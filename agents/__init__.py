"""The behaviour: what happens when plays, generations and late workers' records arrive."""
