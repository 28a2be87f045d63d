"""The parts of a process: children, tasks, garbage collection, text for people."""
