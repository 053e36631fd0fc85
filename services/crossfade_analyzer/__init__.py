"""Analyzer: turns samples into evidence, and evidence into a verdict and a split."""
