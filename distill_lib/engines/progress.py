"""How far a sum over partitions is, and how long the rest may take."""

from typing import NamedTuple


class Progress(NamedTuple):
    """How far a sum over partitions is; as text, one line.

    Attributes:
        about: what is computed.
        done, partitions: how many are done, and of how many.
        seconds: since the start.
        workers: how many there are; 0 for this process.
        lost: workers that are gone since the start.
        again: partitions that were begun again, as far as workers could tell before they died.
        room: bytes that one partition takes at most, beside its images.
        limit: bytes that the smallest worker may use for each of its threads; 0 where none is set.
        before: partitions that an earlier run had finished.

    Example:
        >>> from distill_lib.engines import Progress
        >>> print(Progress("statistics", 250, 1000, seconds=60.0, workers=4, room=2**30))
        statistics: 250 of 1,000 partitions, about 180 s left, 4 workers, 1.0 GiB each at most
    """

    about: str
    done: int
    partitions: int
    seconds: float
    workers: int = 0
    lost: int = 0
    again: int = 0
    room: int = 0
    limit: int = 0
    before: int = 0

    @property
    def left(self) -> float | None:
        """The forecast of the seconds left, at the rate so far; None before there is a rate."""
        here = self.done - self.before
        return self.seconds * (self.partitions - self.done) / here if here else None

    def __str__(self) -> str:
        left = "" if self.left is None else f", about {self.left:.3g} s left"
        workers = f", {self.workers} workers" if self.workers else ""
        lost = f", {self.lost} lost" if self.lost else ""
        again = f", {self.again} partitions again" if self.again else ""
        limit = f" of {_gib(self.limit)}" if self.limit else ""
        room = f", {_gib(self.room)}{limit} each at most" if self.room else ""
        return (
            f"{self.about}: {self.done:,} of {self.partitions:,} partitions"
            f"{left}{workers}{lost}{again}{room}"
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{size / 2**20:.3g} MiB"
