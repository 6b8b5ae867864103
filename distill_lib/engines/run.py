"""One sum on a cluster: which node is computed when, and what is said when something dies."""

import itertools
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from distill_lib.engines.nodes import Node, Pieces, Total, Work, children, kept, named, root, size
from distill_lib.engines.progress import Progress
from distill_lib.engines.spill import Spill
from distill_lib.engines.tree import PartitionError, computed
from distill_lib.engines.workers import ClusterError, Facts

AHEAD = 3  # leaves that are sent for each thread


class Run:
    """The nodes of one sum, on their way.

    A leaf is sent when a thread can take it, an addition when both its parts are there. Without a
    spill folder a finished node is held by its worker; if that dies, the scheduler computes again
    what was lost. With one, workers write nodes and read them, and hold nothing.
    """

    def __init__(
        self,
        client: Any,
        work: Work,
        pieces: Pieces,
        spill: Spill,
        report: Callable[[Progress], None] | None,
        patience: float,
        known: dict[str, Facts],
    ) -> None:
        import cloudpickle

        self.client, self.work, self.pieces, self.spill = client, work, pieces, spill
        self.report, self.patience, self.known = report, patience, known
        self.address = client.scheduler.address
        self.token, self.start = uuid.uuid4().hex[:12], time.monotonic()
        self.top = kept(root(pieces.count), pieces.count)
        self.done: dict[Node, Any] = {}
        self.active: dict[Any, Node] = {}
        self.parents: dict[Node, Node] = {}
        self.leaves, self.gone, self.told = 0, 0, (0, set(known))
        self.alone = time.monotonic()  # when there was a worker last
        with _unwarned():  # pickled once, and made from its bytes again on any worker
            self.job = client.submit(_opened, cloudpickle.dumps(work), key=f"{self.token}-work")
        frontier = list(self._frontier(self.top))
        old = [node for node in frontier if spill.has(node)]
        self.before = self.leaves = sum(size(node, pieces.count) for node in old)
        self.ready = iter([node for node in frontier if not spill.has(node)])
        for node in old:
            self._finished(node, None)

    def result(self) -> Total:
        """The sum of all partitions."""
        from distributed import CancelledError

        try:
            self.gone = self._removed()
            while self.top not in self.done:
                self._send()
                self._wait()
            made = self._gathered()
            if self.report:  # with what was computed again at the end
                self.report(self._progress(set(self.client.nthreads())))
            return made
        except (OSError, TimeoutError, CancelledError) as error:
            raise ClusterError(self._gone()) from error
        finally:
            for future in (*self.active, *self.done.values(), self.job):
                if future is not None:
                    future.release()

    def _frontier(self, node: Node) -> Iterator[Node]:
        """Nodes that are not sums of others here: leaves, and what a spill folder has."""
        if node[0] == 0 or self.spill.has(node):
            yield node
            return
        for child in children(node, self.pieces.count):
            self.parents[child] = node
            yield from self._frontier(child)

    def _send(self) -> None:
        threads = sum(self.client.nthreads().values())
        for node in itertools.islice(self.ready, max(0, AHEAD * threads - len(self.active))):
            piece = self.pieces.piece(node[1])
            if hasattr(piece, "delayed"):  # of a collection of Dask: made where it is needed
                piece = self.client.compute(piece.delayed)
            rest = node, self.pieces.count, piece, self.spill, self.token
            with _unwarned():
                self.active[self.client.submit(_leaf, self.job, *rest, key=self._key(node))] = node

    def _wait(self) -> None:
        from distributed import wait

        if not self.active:  # no thread to send a partition to
            time.sleep(0.2)
        with suppress(TimeoutError):
            wait(list(self.active), timeout=1, return_when="FIRST_COMPLETED")
        for future in [future for future in self.active if future.done()]:
            node = self.active.pop(future)
            if future.status != "finished":
                raise self._wrong(node, future)
            self.leaves += node[0] == 0
            self._finished(node, future)
        self._alive()

    def _finished(self, node: Node, future: Any) -> None:
        """Keep a node, and send the addition that it makes possible."""
        self.done[node] = future
        if node == self.top:
            return
        above = self.parents[node]
        parts = children(above, self.pieces.count)
        if all(part in self.done for part in parts):
            values = [self.done.pop(part) for part in parts]
            if self.spill.folder is not None:
                values = []
            rest = above, parts, self.pieces.count, self.spill
            future = self.client.submit(_added, *rest, *values, key=self._key(above), priority=1)
            self.active[future] = above

    def _key(self, node: Node) -> str:
        return f"{self.token}-{node[0]}-{node[1]}"

    def _alive(self) -> None:
        """Look who is there, and tell.

        Raises: ClusterError if the scheduler does not answer, or no worker for too long.
        """
        if self.client.status != "running":
            raise ClusterError(self._gone())
        there = set(self.client.nthreads())
        if there:
            self.alone = time.monotonic()
        elif time.monotonic() - self.alone > self.patience:
            raise ClusterError(
                f"no worker is left at {self.address} since {self.patience:g} s; " + self._kept()
            )
        if self.report and self.told != (now := (self.leaves, there)):
            self.told = now
            self.report(self._progress(there))

    def _progress(self, there: set[str]) -> Progress:
        limit = min((one.limit for one in self.known.values()), default=0)
        again = sum(times - 1 for times in self._begun().values())
        lost = self._removed() - self.gone
        spent, rest = time.monotonic() - self.start, (len(there), lost, again)
        room = (self.work.room, limit, self.before)
        return Progress(self.work.about, self.leaves, self.pieces.count, spent, *rest, *room)

    def _begun(self) -> Counter[int]:
        """How often each partition was begun, as far as workers could tell."""
        return Counter(number for _, number in self.client.get_events(self.token))

    def _removed(self) -> int:
        """How many workers have ever gone, by the scheduler: a look at who is there misses some."""
        told = (told for _, told in self.client.get_events("all"))
        return sum(isinstance(one, dict) and one.get("action") == "remove-worker" for one in told)

    def _wrong(self, node: Node, future: Any) -> Exception:
        """What to raise for a node that was not computed."""
        from distributed import KilledWorker

        name = named(node, self.pieces.count)
        if future.status in ("cancelled", "lost"):
            return ClusterError(self._gone())
        error = future.exception(timeout=self.patience)
        if isinstance(error, KilledWorker):
            # Dask blames all that waited for those workers; this one was begun by each.
            begun = self._begun()
            waited = [one for one in (node, *self.active.values()) if one[0] == 0]
            if waited:
                name = named(max(waited, key=lambda one: begun[one[1]]), self.pieces.count)
            return PartitionError(
                f"{name} ended one worker after the other, the last one "
                f"{error.last_worker.address}: most likely it ran out of memory (it takes "
                f"{self.work.room / 2**30:.3g} GiB beside its images); cut smaller partitions or "
                f"give workers more. {self._kept()}"
            )
        if isinstance(error, ValueError | PartitionError):
            return type(error)(f"{error} {self._kept()}") if self.spill.folder else error
        return PartitionError(f"{name} cannot be computed: {type(error).__name__}: {error}")

    def _gone(self) -> str:
        return f"the scheduler of Dask is gone, after {self._progressed()}; " + self._kept()

    def _progressed(self) -> str:
        return f"{self.leaves:,} of {self.pieces.count:,} partitions"

    def _kept(self) -> str:
        if self.spill.folder is None:
            return "With a spill folder, what is finished would not be computed again."
        return f"What is finished lies in {self.spill.folder} and is not computed again."

    def _gathered(self) -> Total:
        """The result, which is computed again if its worker dies on the way."""
        from distributed import wait

        if self.spill.folder is not None:
            return _read(self.spill, self.top, self.pieces.count)
        future = self.done[self.top]
        while True:
            try:
                wait([future], timeout=1)
                return future.result(timeout=self.patience)
            except TimeoutError:
                self._alive()


@contextmanager
def _unwarned() -> Iterator[None]:
    """What is sent may be large."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")
        yield


def _opened(work: bytes) -> Work:
    import cloudpickle

    return cloudpickle.loads(work)


def _leaf(work: Work, node: Node, count: int, piece: Any, spill: Spill, token: str) -> Total | None:
    from distributed import get_worker

    if spill.has(node):
        return None
    get_worker().log_event(token, node[1])
    made = computed(work, node[1], count, piece if callable(piece) else lambda: piece)
    if spill.folder is None:
        return made
    spill.write(node, made)
    return None


def _added(
    node: Node, parts: tuple[Node, Node], count: int, spill: Spill, *values: Total
) -> Total | None:
    if values:
        return values[0].plus(values[1])
    if not spill.has(node):
        left, right = (_read(spill, part, count) for part in parts)
        spill.write(node, left.plus(right))
        spill.forget(*parts)
    return None


def _read(spill: Spill, node: Node, count: int) -> Total:
    if (found := spill.read(node)) is None:
        raise PartitionError(
            f"{named(node, count)} is not in {spill.folder}, where a worker wrote it; give a "
            "folder that all workers and this process share, and leave it alone."
        )
    return found
