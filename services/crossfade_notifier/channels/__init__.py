"""Ways to reach people and tools; each file one channel, `port` what they share."""
