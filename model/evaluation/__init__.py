"""Models and metrics of the prequential evaluation."""
