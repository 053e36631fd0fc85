"""Arithmetic and tables of progressive delivery: no clock, no chance, no environment, no I/O."""
