"""Errors of the state that an operator can meet."""


class StateError(RuntimeError):
    """The state of a partition cannot be used. The message names the folder and the way out."""


class GenerationError(ValueError):
    """A generation is missing, incomplete or damaged. The one in service stays; publish again or roll back."""


class StoreUnavailableError(GenerationError):
    """The generation store does not answer or denies access. Nothing changed: remove the named cause and try again."""
