"""Actuator: everything that touches the cluster.

It admits experiments, moves weights, runs actions and writes status. `admission` lets runs in,
`ledger` keeps their state, `converging` does what a state wants, `locking` holds a target for one
run at a time, `service` listens. `targets` know where a weight stands, `actions` how a task runs.
"""
