"""The tree of a sum, partition after partition in this process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from distill_lib.engines.nodes import Node, Pieces, Total, Work, children, kept, name_of, root, size
from distill_lib.engines.progress import Progress
from distill_lib.engines.spill import Spill


class PartitionError(RuntimeError):
    """A partition could not be made, computed or added; the message names it."""


def computed(work: Work, number: int, count: int, piece: Callable[[], Any]) -> Total:
    """What a partition gives, computed by one thread: BLAS adds in another order with more.

    Raises: PartitionError that names it, whatever went wrong; ValueError as `work`.
    """
    name = name_of(number, count)
    try:
        with one_thread():
            return work(number, name, piece())
    except ValueError as error:
        if name in str(error):
            raise
        raise ValueError(f"{name}: {error}") from error
    except MemoryError as error:
        raise PartitionError(
            f"{name} does not fit into the memory: {error or 'it is used up'}; cut smaller "
            "partitions, or give each process more memory."
        ) from error
    except Exception as error:
        raise PartitionError(
            f"{name} cannot be computed: {type(error).__name__}: {error}"
        ) from error


class InOrder:
    """Partition after partition in this process: the same tree, and so the same bits.

    Attributes:
        spill: a folder where finished nodes wait, so that they are not computed again.
        report: is given a `Progress` after each partition; for instance print.

    Example:
        >>> from distill_lib.engines import InOrder
        >>> parts = dl.Partitions(lambda i: (np.full((3, 1, 1, 1), i), [0, 1, 1]), 2, classes=2)
        >>> norm = dl.Normalisation((1, 1, 1), 1, (0,), (1,))
        >>> fit = dict(engine=InOrder(), key=jax.random.key(0), regs=(1,), val_fraction=0)
        >>> dl.fit(parts, None, dl.Linear(1), norm, **fit).weights.tolist()
        [[0.25], [0.5]]
    """

    def __init__(
        self,
        *,
        spill: str | Path | None = None,
        report: Callable[[Progress], None] | None = None,
    ) -> None:
        self.spill, self.report = spill, report

    def total(self, work: Work, pieces: Pieces) -> Total:
        """The sum of all partitions.

        Raises: as `computed`.
        """
        spill, start = Spill.of(self.spill, work, pieces.count), time.monotonic()
        done, before = 0, 0

        def value(node: Node) -> Total:
            nonlocal done, before
            if (found := spill.read(node)) is not None:
                done, before = (many + size(node, pieces.count) for many in (done, before))
                return found
            if node[0] == 0:
                made = computed(work, node[1], pieces.count, pieces.piece(node[1]))
                done += 1
            else:
                parts = children(node, pieces.count)
                made = value(parts[0]).plus(value(parts[1]))
            spill.write(node, made)
            if node[0]:
                spill.forget(*parts)
            elif self.report:
                spent, room = time.monotonic() - start, work.room
                told = Progress(work.about, done, pieces.count, spent, room=room, before=before)
                self.report(told)
            return made

        return value(kept(root(pieces.count), pieces.count))


_lock, _users = threading.Lock(), 0
_limit: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS computes with one thread, until the last of those who asked for it is done."""
    global _users, _limit
    with _lock:
        if _users == 0:
            _limit = threadpool_limits(1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
