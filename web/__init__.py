"""The window: the HTTP gateway and the live page."""
