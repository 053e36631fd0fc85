"""Console: what people and Grafana look at, projected from the event log."""
