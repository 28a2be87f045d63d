"""Building lists: ranking, blending, exclusions, reasons, and which lists are published."""
