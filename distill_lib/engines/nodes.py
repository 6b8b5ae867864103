r"""The tree in which the sums over partitions are added up, whoever computes them.

Partition i is a leaf. Node (l, j) is the sum of nodes (l - 1, 2j) and (l - 1, 2j + 1), so of the
partitions 2^l j, ..., 2^l (j + 1) - 1, as far as there are any. Floating-point sums depend on their
order, and this order depends on the number of partitions alone: not on how many workers there are,
which of them is done first or which has to begin again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

Node = tuple[int, int]


class Total(NamedTuple):
    """What one partition gives, or many together.

    Attributes:
        sums: arrays that are added.
        peaks: arrays of which the larger entries stay.
    """

    sums: tuple[np.ndarray, ...]
    peaks: tuple[np.ndarray, ...] = ()

    def plus(self, other: "Total") -> "Total":
        """Both together.

        Example:
            >>> from distill_lib.engines import Total
            >>> one = Total((np.ones(2),), (np.array([3]),))
            >>> one.plus(Total((np.arange(2.0),), (np.array([1]),)))
            Total(sums=(array([1., 2.]),), peaks=(array([3]),))
        """
        sums = tuple(np.asarray(a + b) for a, b in zip(self.sums, other.sums, strict=True))
        peaks = zip(self.peaks, other.peaks, strict=True)
        return Total(sums, tuple(np.asarray(np.maximum(a, b)) for a, b in peaks))


class Work(Protocol):
    """What is computed of each partition.

    Attributes:
        about: a word for it, as "statistics".
    """

    @property
    def about(self) -> str: ...

    def __call__(self, number: int, name: str, pair: Any) -> Total:
        """What a partition gives: its number, its name for messages, its images and labels."""

    @property
    def room(self) -> int:
        """The bytes that one partition and one addition take at most, beside the partition."""


class Pieces(Protocol):
    """Partitions by their numbers.

    Attributes:
        count: how many there are.
    """

    count: int

    def piece(self, number: int) -> Callable[[], Any]:
        """A function that makes a partition wherever it is called."""


def name_of(number: int, count: int) -> str:
    """What a partition is called in messages, as "partition 812 of 1,000"; they count from 0."""
    return f"partition {number} of {count:,}"


def size(node: Node, count: int) -> int:
    """How many partitions a node sums."""
    level, j = node
    return min((j + 1) << level, count) - (j << level)


def named(node: Node, count: int) -> str:
    """What a node is called in messages."""
    level, j = node
    first = j << level
    last = first + size(node, count) - 1
    return name_of(first, count) if level == 0 else f"the sum of partitions {first} to {last}"


def root(count: int) -> Node:
    """The node of all partitions."""
    return (count - 1).bit_length(), 0


def kept(node: Node, count: int) -> Node:
    """The node, or the one below that is the same, where there is no second one to add."""
    level, j = node
    while level and (2 * j + 1) << (level - 1) >= count:
        level, j = level - 1, 2 * j
    return level, j


def children(node: Node, count: int) -> tuple[Node, Node]:
    """The two nodes whose sum a node of `kept` above the leaves is."""
    level, j = node
    return kept((level - 1, 2 * j), count), kept((level - 1, 2 * j + 1), count)
