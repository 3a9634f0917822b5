"""A real Kubernetes on this machine, for demos and tests: built from Go modules, run as processes, gone without a trace.

``Cluster.up(Profile.CONTROL_PLANE, instance="test")`` is an API server with etcd and the controller-manager, for
integration tests; ``Profile.NODE`` adds a node that runs pods and offers eight stand-in GPUs. See docs/clusters.md.
"""

from cluster.errors import ClusterError
from cluster.instance import Cluster, Profile

__all__ = ["Cluster", "ClusterError", "Profile"]
