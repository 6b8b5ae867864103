"""Sums over partitions: in one process, or by the workers of a cluster."""

from distill_lib.engines.choice import Engine, engine_of
from distill_lib.engines.cluster import Cluster
from distill_lib.engines.nodes import Total
from distill_lib.engines.progress import Progress
from distill_lib.engines.tree import InOrder, PartitionError
from distill_lib.engines.workers import ClusterError

__all__ = [
    "Cluster",
    "ClusterError",
    "Engine",
    "InOrder",
    "PartitionError",
    "Progress",
    "Total",
    "engine_of",
]
