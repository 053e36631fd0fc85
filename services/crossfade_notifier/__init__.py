"""Notifier: tells people and tools what experiments do, why, and what happens next.

It listens to every event and emits nothing but incidents about messages that nobody would take.
Handlers only record what is to be told; couriers carry it, each at the pace its channel bears, so
no weight change ever waits for Slack. Its buttons send commands like everybody else's.
"""
