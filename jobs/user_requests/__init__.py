"""Requests of a user: pause, hide, forget, export, explain."""
