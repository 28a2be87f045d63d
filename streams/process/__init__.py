"""The parts of a process: children, tasks, garbage collection, texts of messages."""
