"""Console: what people and Grafana look at.

It folds the log into views in memory and keeps nothing: after a restart it reads the log again and
is ready once it has caught up. Pages, the HTTP API, the live streams and `/metrics` all show the
same views. It is read-only unless somebody signs in; even then it only sends commands.
"""
