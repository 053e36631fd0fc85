"""Operator: plays Seldon's operator and Istio's pilot in the lab.

Follows the SeldonDeployments and VirtualServices of a cluster; runs a model process for each
predictor; keeps the router's table, the addresses of the models and Prometheus' targets in step.

    documents.py   what an object asks for        following.py   list and watch
    fleet.py       the model processes            routing.py     objects and processes → table
    targets.py     who Prometheus scrapes         reconcile.py   brings the four together
"""

from crossfade_lab.operator.reconcile import Operator

__all__ = ["Operator"]
