"""The HTTP edge: protocol, access, limits, errors."""
