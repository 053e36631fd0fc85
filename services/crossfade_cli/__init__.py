"""The command line: front door and composition root."""
