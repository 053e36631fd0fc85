"""Notifier: tells people and tools what happened; nothing waits for it."""
