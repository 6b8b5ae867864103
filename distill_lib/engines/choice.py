"""Who adds up: nobody else, a cluster by its client or address, or what a user set up."""

from typing import Any

from distill_lib.engines.cluster import Cluster
from distill_lib.engines.tree import InOrder

Engine = InOrder | Cluster


def engine_of(engine: Any) -> Engine:
    """An engine from what `engine=` may be.

    None is this process; a `distributed.Client`, an address or "local" is a `Cluster`.

    Raises: ValueError for anything else.

    Example:
        >>> from distill_lib.engines import engine_of
        >>> type(engine_of(None)).__name__
        'InOrder'
        >>> engine_of(4)
        Traceback (most recent call last):
        ValueError: engine = 4 is no engine; give a client of Dask, the address of its scheduler, \
"local", or dl.Cluster(...).
    """
    if engine is None:
        return InOrder()
    if isinstance(engine, InOrder | Cluster):
        return engine
    if isinstance(engine, str) or (hasattr(engine, "submit") and hasattr(engine, "scheduler")):
        return Cluster(engine)
    raise ValueError(
        f"engine = {engine!r} is no engine; give a client of Dask, the address of its scheduler, "
        '"local", or dl.Cluster(...).'
    )
