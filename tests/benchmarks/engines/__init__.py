"""The systems that are measured, each a process of its own that ends with one line of JSON.

A line tells `plays` and `seconds`, from the first play that was handed to the engine's code to the last one done.
"""
