"""The retrain: its steps, the run that can be resumed, the gate, and the schedule."""
