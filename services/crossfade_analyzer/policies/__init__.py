"""Policies: what to make of a run's samples. `iter8` compares points, `assured` proves."""
