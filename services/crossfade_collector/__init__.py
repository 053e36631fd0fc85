"""Collector: asks metric back-ends, on the clock, and tells what they said or why they did not.

Every metric of every version at one instant, concurrently, identical queries once, within a budget
per back-end. A failed reading is a reason, never a stale number.
"""

from crossfade_collector.broker import Broker
from crossfade_collector.composing import compose
from crossfade_collector.service import Collector

__all__ = ["Broker", "Collector", "compose"]
