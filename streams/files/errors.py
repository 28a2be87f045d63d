"""Errors of files that cannot be read."""


class PlaysFileError(ValueError):
    """A file of plays or items cannot be read. Correct the row that the message names, or name the column."""


class UnusableFileError(PlaysFileError):
    """A file is of a known kind that has no plays that can be read. The message names the file to fetch instead."""
