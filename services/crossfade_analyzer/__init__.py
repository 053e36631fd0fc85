"""Analyzer: turns samples into evidence, and evidence into a verdict and a split.

`service` listens and remembers, `policies` decide, `inference` is the arithmetic under the policy
`assured`, `explain` says in words what a document lets one prove.
"""
