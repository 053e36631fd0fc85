"""Targets: where a version's weight stands in the cluster, and how it is moved safely.

Any object with a field path will do; `identities` knows by which field the neighbours of a weight
are recognised in the kinds that people use.
"""
