"""The error of a move that cannot begin or go on."""


class MoveError(RuntimeError):
    """The state cannot be moved. Nothing that exists was changed or lost: do as the message says, and run it again."""
