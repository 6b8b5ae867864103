"""Sufficient statistics: all that ridge regression needs of a training set, added up."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from distill_lib.boundary import checks, npz
from distill_lib.boundary.door import door, finished, floats, in_file
from distill_lib.features import FeatureMap
from distill_lib.images.streams import Pair, given, rechunked
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge import batches
from distill_lib.ridge.devices import ShardedSums
from distill_lib.ridge.identity import digest
from distill_lib.ridge.sums import sums_of
from distill_lib.ridge.works import Statistics, given_in_parts, summed


class RidgeStats(eqx.Module):
    """All that ridge regression needs of a training set; those of disjoint chunks add up.

    Attributes:
        gram: (p, p) G = phi(X) phi(X)^T.
        cross: (k, p) C = Y phi(X)^T.
        label_sq: ||Y||_F^2.
        count: n, samples seen.

    Example:
        >>> features, targets = np.eye(3), np.eye(3, 2)
        >>> chunks = [dl.RidgeStats.of(features[:2], targets[:2])]
        >>> chunks.append(dl.RidgeStats.of(features[2:], targets[2:]))
        >>> np.allclose(sum(chunks).solve(reg=1.0), targets.T / 2)
        True

    They can be kept and added to when new data arrive: `save`, `load`, and `fit_statistics`.
    """

    gram: Float[Array, "p p"]
    cross: Float[Array, "k p"]
    label_sq: Float[Array, ""]
    count: Int[Array, ""]

    @classmethod
    @door(sliced=("features", "targets"))
    def of(cls, features: Float[Array, "n p"], targets: Float[Array, "n k"]) -> Self:
        """The statistics of one chunk of features and targets, O(n p (p + k)).

        What lies in a file, a memory map too, is read by slices.

        Raises: ValueError for shapes that do not fit or entries that are not finite.
        """
        if in_file(features) or in_file(targets):
            return cls(*_of_slices(features, targets).whole())
        sums = sums_of(features.shape[1], targets.shape[1], features.dtype)
        sums.add(features, targets, len(features))
        return cls(*sums.whole())

    @classmethod
    @door()
    def of_images(
        cls,
        images,
        labels: Int[ArrayLike, " n"] | None,
        classes: int,
        feature_map: FeatureMap,
        normalisation: Preprocessing,
        *,
        devices: Sequence[Any] | None = None,
        engine: Any = None,
    ) -> Self:
        """The statistics of labelled images, read once in batches.

        Args:
            images: (n, h, w, c); or a `Stream`, which may be of any length, or `Partitions`.
            labels: (n,) class indices; the targets are one-hot. None for a stream.
            classes: k.
            feature_map, normalisation: from images to features.
            devices: those that share each batch, for instance jax.devices(); None for the first
                one of an accelerator, or for all cores of a processor.
            engine: what computes partitions, `Partitions` or slices of an array: a client of Dask,
                the address of its scheduler, "local" or `dl.Cluster`; None for this process.
        Raises: ValueError for labels out of range or not one per image, images of the wrong shape
            or not finite; with an engine, as `dl.Cluster`.
        """
        if (parts := given_in_parts(images, labels, engine)) is not None:
            work = Statistics(feature_map, normalisation, classes)
            return cls.of_sums(summed(work, parts, engine)[:-1])
        if stream := given(images, labels):
            pairs = rechunked(stream.checked(normalisation, classes), batches.BATCH)
            pairs = batches.filled_up(pairs, batches.BATCH)
        else:
            images = normalisation.opened(images)
            count = images.shape[0]
            checks.labels("labels", np.asarray(labels), classes, count, every=False)
            pairs = batches.padded(images, labels, normalisation)
        return cls.of_batches(pairs, classes, feature_map, normalisation, devices)

    @classmethod
    def of_batches(
        cls,
        pairs: Iterable[Pair],
        classes: int,
        feature_map: FeatureMap,
        normalisation: Preprocessing,
        devices: Sequence[Any] | None = None,
    ) -> Self:
        """As `of_images`, of checked batches of images and labels, where -1 is no sample."""
        form = feature_map.dim_out, classes, jnp.dtype(normalisation.dtype)
        sums = sums_of(*form) if devices is None else ShardedSums(*form, devices)
        for images, labels in pairs:
            sums.add_images(feature_map, normalisation, images, labels)
            del images
        stats = cls(*sums.whole())
        finished("G = phi(X) phi(X)^T, from which every weight comes,", stats)
        return stats

    @classmethod
    def of_sums(cls, sums: Sequence[np.ndarray]) -> Self:
        """The statistics whose four arrays were added up elsewhere."""
        return cls(*map(jnp.asarray, sums))

    def __add__(self, other: Self) -> Self:
        """The statistics of both chunks together.

        Raises: ValueError if they have different p or k.
        """
        if self.cross.shape != other.cross.shape:
            raise ValueError(
                f"statistics of shapes (k, p) = {self.cross.shape} and {other.cross.shape} do not "
                "add up; they must be of one model."
            )
        return jax.tree.map(jnp.add, self, other)

    def __radd__(self, other: int) -> Self:
        """So that `sum` works, which starts at 0."""
        return self if other == 0 else NotImplemented

    @door()
    def loss(self, weights: Float[Array, "k p"], reg: float = 0.0) -> Float[Array, ""]:
        """The ridge loss ||W phi(X) - Y||_F^2 + reg ||W||_F^2, from the statistics alone."""
        fit = (
            jnp.vdot(weights @ self.gram, weights)
            - 2 * jnp.vdot(weights, self.cross)
            + self.label_sq
        )
        return fit + reg * jnp.vdot(weights, weights)

    @door()
    def solve(self, reg: float) -> Float[Array, "k p"]:
        """The ridge solution W = C (G + reg I)^{-1} for one reg > 0, by Cholesky, O(p^3).

        For many, or reg = 0, use `RidgePath`.

        Raises: ValueError if G + reg I is not numerically positive definite.
        """
        factor = jax.scipy.linalg.cho_factor(
            self.gram + reg * jnp.eye(len(self.gram), dtype=self.gram.dtype)
        )
        weights = jax.scipy.linalg.cho_solve(factor, self.cross.T).T
        if not checks.all_finite(weights):
            raise ValueError(
                f"G + reg I is not positive definite at reg = {reg:.3g}; use a larger reg or "
                "RidgePath."
            )
        return weights

    def save(
        self,
        path: str | Path,
        feature_map: FeatureMap | None = None,
        normalisation: Preprocessing | None = None,
    ) -> None:
        """Write the statistics to one npz file without pickles, at once or not at all.

        Of G half is kept, so p (p + 1) / 2 + k p numbers.

        Args:
            feature_map, normalisation: what the features were made with; the file then names them
                by a digest, and `load` refuses others.
        Raises: OSError if it cannot be written; nothing is left then.
        """
        gram = np.asarray(self.gram)
        arrays = {
            "kind": np.array(_KIND),
            "made_with": np.array(_made_with(feature_map, normalisation)),
            "triangle": gram[np.tri(len(gram), dtype=bool)],
            "cross": np.asarray(self.cross),
            "label_sq": np.asarray(self.label_sq),
            "count": np.asarray(self.count, np.int64),
        }
        npz.write(path, arrays)

    @classmethod
    def load(
        cls,
        path: str | Path,
        feature_map: FeatureMap | None = None,
        normalisation: Preprocessing | None = None,
    ) -> Self:
        """Read statistics that `save` wrote, bit for bit.

        Args: as `save`; where they are given, the file has to name the same.
        Raises: ValueError if the file cannot be read, is no statistics, contradicts itself, or was
            made with another map or normalisation.

        Example:
            >>> import os, tempfile
            >>> stats = dl.RidgeStats.of(np.eye(2), np.eye(2))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     stats.save(path := os.path.join(folder, "monday.npz"))
            ...     int((dl.RidgeStats.load(path) + stats).count)
            4
        """
        try:
            with npz.opened(path) as file:
                return cls(*_read(file, _made_with(feature_map, normalisation)))
        except npz.Unreadable as error:
            raise ValueError(
                f"{path} cannot be read as statistics: {str(error).rstrip('.')}; give a file "
                "written by RidgeStats.save."
            ) from error


_KIND = "ridge statistics 1"


def _made_with(feature_map: FeatureMap | None, normalisation: Preprocessing | None) -> str:
    if (feature_map is None) != (normalisation is None):
        raise ValueError("give both the feature map and the normalisation, or neither.")
    return "" if feature_map is None else digest(feature_map, normalisation)


def _read(file: npz.Npz, wanted: str) -> tuple[Array, ...]:
    """The arrays of a file, once they fit each other."""
    if (kind := file.text("kind")) != _KIND:
        raise npz.Unreadable(f"it is of the kind '{kind[:40]}', not '{_KIND}'")
    if wanted and file.text("made_with") != wanted:
        named = "names no" if not file.text("made_with") else "was made with another"
        raise npz.Unreadable(f"it {named} feature map and normalisation than the given")
    p = file.check("cross", (None, None)).shape[1]
    dtype = file.check("cross").dtype
    file.only({"kind", "made_with", "triangle", "cross", "label_sq", "count"}, "statistics")
    gram = np.zeros((p, p), dtype)
    lower = np.tri(p, dtype=bool)
    gram[lower] = file.read("triangle", shape=(p * (p + 1) // 2,), dtype=dtype)
    gram += np.tril(gram, -1).T
    label_sq = file.read("label_sq", shape=(), dtype=dtype)
    count = file.read("count", shape=(), dtype=np.int64)
    if gram.diagonal().min(initial=0) < 0 or label_sq < 0 or count < 0:
        raise npz.Unreadable("its sums of squares or its count are negative")
    return tuple(map(jnp.asarray, (gram, file.read("cross"), label_sq, count)))


def _of_slices(features, targets):
    """The sums of features and targets that are read by slices."""
    for name, array in (("features", features), ("targets", targets)):
        if len(array.shape) != 2:
            raise ValueError(f"{name} has shape {tuple(array.shape)}, but a matrix is needed.")
    (n, p), (rows, k), sums = features.shape, targets.shape, None
    if rows != n:
        raise ValueError(
            f"targets has shape {tuple(targets.shape)}, but a matrix of shape ({n}, any) is needed."
        )
    for start in range(0, n, batches.BATCH):
        part = slice(start, min(start + batches.BATCH, n))
        f, y = floats("features", features[part]), floats("targets", targets[part])
        checks.finite("features", f, np.arange(n)[part])
        checks.finite("targets", y, np.arange(n)[part])
        sums = sums_of(p, k, f.dtype) if sums is None else sums
        sums.add(f, y, len(f))
    return sums_of(p, k, np.float64) if sums is None else sums
