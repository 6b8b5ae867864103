"""Finished nodes of a sum in a folder, so that a run that was ended does not compute them again."""

import hashlib
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from distill_lib.boundary.files import replacing
from distill_lib.engines.nodes import Node, Total


class Spill:
    """The nodes of one sum that are finished, one file each; without a folder nothing is kept.

    A file is whole or absent. What two nodes were is forgotten as soon as their sum is kept, so the
    folder holds about as many nodes as there are workers. Files are found by a digest of what is
    computed: other feature maps, keys or numbers of partitions have folders of their own. What lies
    in the partitions it does not know, so each training set needs another folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def of(cls, folder: str | Path | None, work: Any, count: int) -> "Spill":
        """Where a work's nodes are.

        Raises: ValueError if the folder cannot be made.
        """
        if folder is None:
            return cls(None)
        place = Path(folder).absolute() / f"{work.about.replace(' ', '-')}-{digest(work, count)}"
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"the folder {folder} for finished partitions cannot be made: "
                f"{(error.strerror or str(error)).lower()}; name another."
            ) from error
        return cls(place)

    def path(self, node: Node) -> Path:
        """The file of a node."""
        assert self.folder is not None
        return self.folder / f"{node[0]}-{node[1]}.npz"

    def has(self, node: Node) -> bool:
        """Whether a node is kept."""
        return self.folder is not None and self.path(node).exists()

    def read(self, node: Node) -> Total | None:
        """A node, if it is kept."""
        if not self.has(node):
            return None
        with np.load(self.path(node), allow_pickle=False) as file:
            sums, peaks = (
                tuple(file[f"{kind}{i}"] for i in range(sum(n.startswith(kind) for n in file)))
                for kind in ("sum", "peak")
            )
        return Total(sums, peaks)

    def write(self, node: Node, value: Total) -> None:
        """Keep a node.

        Raises: OSError, one sentence, where it cannot be written.
        """
        if self.folder is not None:
            arrays = {f"sum{i}": array for i, array in enumerate(value.sums)}
            arrays |= {f"peak{i}": array for i, array in enumerate(value.peaks)}
            with replacing(self.path(node)) as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # names are free

    def forget(self, *nodes: Node) -> None:
        """Drop nodes whose sum is kept."""
        if self.folder is not None:
            for node in nodes:
                self.path(node).unlink(missing_ok=True)


def digest(work: Any, count: int) -> str:
    """A name for a work on a number of partitions: the same for the same arrays and settings."""
    arrays, rest = eqx.partition(vars(work), eqx.is_array)
    leaves, form = jax.tree.flatten(rest)
    # Where an object lies in memory says nothing of it.
    words = re.sub(r" at 0x[0-9a-f]+", "", f"{type(work).__name__} {count} {form} {leaves!r}")
    made = hashlib.blake2b(words.encode(), digest_size=12)
    for array in jax.tree.leaves(arrays):
        values = np.ascontiguousarray(array)
        made.update(f"{values.dtype} {values.shape}".encode())
        made.update(values.data)
    return made.hexdigest()
