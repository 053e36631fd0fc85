"""Envoy's words for a routing table: bootstrap, clusters and routes as JSON documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossfade_lab.router.port import USER
from crossfade_lab.router.tables import Backend, Route, Share, Table, VirtualHost

__all__ = ["ROUTES", "bootstrap", "clusters", "routes"]

ROUTES = "models"  # name of the route configuration, and so of its statistics
_TYPES = "type.googleapis.com/envoy"
_MANAGER = (
    f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
_ROUTER = f"{_TYPES}.extensions.filters.http.router.v3.Router"


def bootstrap(clusters_file: Path, routes_file: Path) -> dict[str, Any]:
    """One listener on a free port of 127.0.0.1 whose routes and clusters follow two files."""
    return {
        "node": {"id": "crossfade-lab", "cluster": "crossfade-lab"},
        "admin": {"address": _address("127.0.0.1", 0)},
        "stats_flush_interval": "1s",
        "dynamic_resources": {"cds_config": _file(clusters_file)},
        "static_resources": {"listeners": [_listener(routes_file)]},
    }


def _listener(routes_file: Path) -> dict[str, Any]:
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "ingress",
        "rds": {"route_config_name": ROUTES, "config_source": _file(routes_file)},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {
        "name": "ingress",
        "address": _address("127.0.0.1", 0),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _file(path: Path) -> dict[str, Any]:
    # Each file has a folder of its own: a rename in a watched folder reloads all that watch it.
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"resource_api_version": "V3", "path_config_source": source}


def clusters(backends: tuple[Backend, ...], version: str) -> dict[str, Any]:
    """The CDS answer: one cluster with one endpoint for each backend."""
    return {"version_info": version, "resources": [_cluster(b) for b in backends]}


def _cluster(backend: Backend) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(backend.host, backend.port)}}
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": backend.name,
        "type": "STATIC",
        "connect_timeout": "1s",
        # Shorter than the models keep a connection: no request meets one that is going away.
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": "30s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": backend.name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }


def routes(table: Table, version: str) -> dict[str, Any]:
    """The RDS answer; `validate_clusters` makes Envoy refuse a route to nowhere."""
    configuration = {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "validate_clusters": True,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [_virtual_host(h) for h in table.hosts],
    }
    return {"version_info": version, "resources": [configuration]}


def _virtual_host(host: VirtualHost) -> dict[str, Any]:
    return {
        "name": host.name,
        "domains": list(host.domains),
        "routes": [_route(r) for r in host.routes],
    }


def _route(route: Route) -> dict[str, Any]:
    action: dict[str, Any] = {
        "weighted_clusters": {
            "use_hash_policy": True,
            "clusters": [_share(s) for s in route.shares],
        },
        "hash_policy": [{"header": {"header_name": USER}}],
        # Only what cannot have reached a model is asked again.
        "retry_policy": {"retry_on": "connect-failure,reset-before-request", "num_retries": 2},
    }
    if route.rewrite is not None:
        action["prefix_rewrite"] = route.rewrite
    return {"match": {"prefix": route.prefix}, "route": action}


def _share(share: Share) -> dict[str, Any]:
    return {
        "name": share.backend,
        "weight": share.weight,
        "response_headers_to_add": [
            {
                "header": {"key": key, "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
            for key, value in share.headers
        ],
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
