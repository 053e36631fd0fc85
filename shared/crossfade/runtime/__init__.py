"""The chassis: bus, state, bootstrap, health, logs, child processes.

The only room that imports ``faststream`` and ``nats``. A service hands it handlers that take one
event and return the events that follow; publishing, acknowledging, retrying and setting aside
happen here.
"""
