"""Lab: a small real world on one machine, for the demo and the end-to-end tests."""
