"""Collector: asks metric back-ends, on the clock, and says what they answered."""
