"""Sums over partitions: in one process, or by the workers of a cluster."""

from distill_lib.engines.choice import Engine, engine_of
from distill_lib.engines.cluster import Cluster
from distill_lib.engines.nodes import Total
from distill_lib.engines.progress import Progress
from distill_lib.engines.tree import InOrder, PartitionError

__all__ = ["Cluster", "Engine", "InOrder", "PartitionError", "Progress", "Total", "engine_of"]
