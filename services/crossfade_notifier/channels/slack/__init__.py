"""Slack's Web API: one living message per experiment and channel, details in its thread."""

from crossfade_notifier.channels.slack.living import LivingSlack

__all__ = ["LivingSlack"]
