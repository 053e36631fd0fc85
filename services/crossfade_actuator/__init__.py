"""Actuator: everything that touches the cluster: admits experiments, moves weights, runs actions, writes status."""
