"""A distilled set that carries everything needed to use it."""

import warnings
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, UInt8

from distill_lib.boundary import checks, npz
from distill_lib.boundary.plain import plain
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import batches
from distill_lib.images.pictures import picture_grid
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels import regression
from distill_lib.kernels.blocks import cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.ridge import RidgeModel
from distill_lib.sets import packing, released
from distill_lib.theory.closed_form import recovered_weights
from distill_lib.theory.intercept import affine_model

_BATCH = 4096  # images at a time against a kernel


def _record(provenance: dict[str, Any]) -> dict[str, Any]:
    """The provenance as plain JSON values."""
    return plain("provenance", provenance)


class DistilledSet(eqx.Module):
    """A distilled set: support points, their labels, and the model class they are for.

    The model class is a feature map, or a kernel that has none.

    Attributes:
        points: (m, d) network inputs X_S, normalised.
        labels: (m, k) Y_S.
        reg_s: lam_S, the ridge parameter to train with.
        feature_map: phi; None for a set made for a kernel.
        normalisation: from images to network inputs; its inverse shows the points as images.
        label_convention: what the labels are, in words ("one-hot", "W phi_{lam_S}(Xh)", "W
            phi_{lam_S}(X_S)", "one-hot - 1/k").
        construction: which theorem or method made the set.
        provenance: how it was made and how exactly it carries its model; kept as plain JSON values.
        kernel: the kernel it was made for, where there is no feature map.
        intercept: whether its trainer fits an intercept, which it does not penalise.

    Example:
        >>> norm = dl.Normalisation((1, 2, 1), 255, 0, 1)
        >>> made = dl.DistilledSet(
        ...     jnp.eye(2), jnp.eye(2), 0.0, dl.Linear(2), norm, "one-hot", "by hand", {}
        ... )
        >>> made.predict(np.array([[[[200], [10]]], [[[0], [90]]]])).tolist()
        [0, 1]
    """

    points: Float[Array, "m d"]
    labels: Float[Array, "m k"]
    reg_s: float = eqx.field(static=True)
    feature_map: FeatureMap | None
    normalisation: Preprocessing
    label_convention: str = eqx.field(static=True)
    construction: str = eqx.field(static=True)
    provenance: dict[str, Any] = eqx.field(static=True, converter=_record)
    kernel: InfiniteWidth | None = None
    intercept: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        phi, kernel = self.feature_map, self.kernel
        checks.matrix(
            "points", self.points, cols=self.normalisation.dim if phi is None else phi.dim_in
        )
        checks.matrix("labels", self.labels, rows=len(self.points))
        if not np.size(self.points) or not np.size(self.labels):
            raise ValueError("a distilled set needs at least one point and one label for each.")
        checks.reg("reg_s", self.reg_s)
        if self.intercept and phi is None:
            raise ValueError("an intercept belongs to a feature map, which this set has not.")
        if phi is not None and kernel is not None:
            raise ValueError(
                "a set is for a feature map or for a kernel; give one of them, the other being "
                "None."
            )
        if kernel is not None and kernel.shape != self.normalisation.shape:
            raise ValueError(
                f"the kernel takes images of shape {kernel.shape}, but the set holds "
                f"{self.normalisation.shape}."
            )
        if phi is not None and self.normalisation.dim != phi.dim_in:
            raise ValueError(
                f"the feature map takes {phi.dim_in} inputs, but images of shape "
                f"{self.normalisation.shape} have {self.normalisation.dim}."
            )

    def model(self) -> RidgeModel:
        """The model that training on this set gives: W_S = Y_S phi_{lam_S}(X_S)^+.

        With an intercept it is that of `theory.intercept.affine_model`. It costs one decomposition
        of the m support features.

        Raises: ValueError without a feature map.
        """
        if self.feature_map is None:
            raise ValueError(
                "this set has no feature map, hence no weights; take scores or predict with its "
                "kernel, or regression.scores "
                "with any other."
            )
        features, b = self.feature_map(self.points), None
        if self.intercept:
            weights, b = affine_model(features, reg_s=self.reg_s, labels=self.labels)
        else:
            weights = recovered_weights(features, self.labels, self.reg_s)
        _within("the weights W_S that this set trains", weights)
        return RidgeModel(weights, self.feature_map, self.normalisation, self.reg_s, (), (), b)

    def scores(self, images, white: float | None = None) -> Float[Array, "n k"]:
        """Scores of images (n, h, w, c) for each class, by the model of this set.

        W_S phi(x), or K(x, X_S) (K_SS + lam_S I)^{-1} Y_S. The model is trained anew each time: to
        predict more than once, keep `model()`.

        Args:
            white: the pixel value that is white in these images, where it is not that of the set's
                normalisation.
        Raises: ValueError without a feature map and a kernel, or for images of the wrong shape.
        """
        if self.kernel is None:
            return _within("the scores", self.model().scores(images, white))
        normalisation = self.normalisation if white is None else self.normalisation.for_white(white)
        normalisation.check(images)
        k_ss = gram(self.kernel, self.points)
        relative = self.reg_s / float(regression.relative_reg(k_ss, 1.0))
        c = regression.coefficients(k_ss, self.labels, relative)
        parts = [
            np.asarray(cross(self.kernel, normalisation(batch), self.points) @ c)
            for batch in batches(normalisation.opened(images), _BATCH, None)
        ]
        return _within("the scores", jnp.asarray(np.concatenate(parts)))

    def predict(self, images, white: float | None = None) -> Int[np.ndarray, " n"]:
        """The classes of images (n, h, w, c), as indices of the largest scores.

        Args and Raises: as `scores`.
        """
        return np.argmax(np.asarray(self.scores(images, white)), axis=1)

    def accuracy(self, images, labels: Int[ArrayLike, " n"], white: float | None = None) -> float:
        """Fraction of images (n, h, w, c) that the set's model classifies as labelled.

        Args and Raises: as `scores`.
        """
        count = self.normalisation.opened(images).shape[0]
        truth = checks.indices("labels", labels, count=count)
        return float(np.mean(self.predict(images, white) == truth))

    def images(self) -> Float[Array, "m h w c"]:
        """The points as images in pixel values.

        Distilled from noise they leave 0..pixel_max freely.
        """
        return self.normalisation.inverse(self.points)

    def picture(self, columns: int = 10, **options) -> UInt8[np.ndarray, "height width 3"]:
        """The points as a grid of images, for `pictures.save_picture` to write.

        Options are those of `pictures.picture_grid`.
        """
        return picture_grid(self.images(), columns, **options)

    def save(self, path: str | Path) -> None:
        """Write the set to one npz file without pickles, at once or not at all.

        Raises: ValueError for a part that a file cannot keep, OSError if it cannot be written;
            nothing is left then.
        """
        phi, arrays = packing.pack_feature_map(self.feature_map)
        normalisation, more = packing.pack_preprocessing(self.normalisation)
        arrays |= more | {"points": np.asarray(self.points), "labels": np.asarray(self.labels)}
        header = {
            "feature_map": phi,
            "normalisation": normalisation,
            "kernel": packing.pack_kernel(self.kernel),
            "reg_s": self.reg_s,
            "label_convention": self.label_convention,
            "construction": self.construction,
            "provenance": self.provenance,
        } | ({"intercept": True} if self.intercept else {})
        npz.write(path, {"header": np.array(packing.header_text(header, arrays))} | arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a set that `save` wrote; its predictions are the same.

        The header is read first, then the arrays that it names, once their types and shapes are
        found to fit.

        Raises: ValueError if the file cannot be read, is no distilled set, or is of a newer
            version.

        Example:
            >>> import os, tempfile
            >>> norm, x = dl.Normalisation((1, 2, 1), 255, 0, 1), jnp.eye(2)
            >>> made = dl.DistilledSet(x, x, 0.0, dl.Linear(2), norm, "one-hot", "by hand", {})
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     made.save(os.path.join(folder, "set.npz"))
            ...     dl.DistilledSet.load(os.path.join(folder, "set.npz")).construction
            'by hand'
        """
        remedy = "give a file written by DistilledSet.save"
        with released.refusing(path, "a distilled set", remedy), npz.opened(path) as file:
            header = packing.read_header(file)
            named = {"header"}

            def shape(name: str) -> jax.ShapeDtypeStruct:
                named.add(name)
                claim = file.check(name)
                return jax.ShapeDtypeStruct(claim.shape, claim.dtype)

            packing.check_shapes(packing.unpack(header, shape))
            file.only(named, "a set of this kind")
            return cls(**packing.unpack(header, lambda name: jnp.asarray(file.read(name))))

    @classmethod
    def from_npz(
        cls,
        path: str | Path,
        normalisation: Preprocessing,
        *,
        pixels: bool,
        channels: released.Channels | None = None,
        classes: int | None = None,
        kernel: InfiniteWidth | None = None,
        reg_s: float = 0.0,
        label_convention: str = "as released",
        construction: str = "as released",
    ) -> Self:
        """Read a set released by others, from an npz file with `images` and `labels` alone.

        Images are (m, c, h, w), (m, h, w, c), (m, d), or (m, h, w) where c = 1. Labels are (m, k),
        or m class indices, which become one-hot.

        Args:
            normalisation: from images to network inputs.
            pixels: whether the file holds pixel values, white at `normalisation.pixel_max`, or
                network inputs, preprocessed already; a warning says if the other seems to be the
                case.
            channels: where the channels stand, if the shape of the images does not show it.
            classes: k, if class indices leave a class out.
            kernel: the kernel to evaluate with.
            reg_s: lam_S.
            label_convention, construction: in words; class indices are "one-hot".
        Raises: ValueError if the file cannot be read without pickles, lacks an array, holds
            another, or one is not finite, real or of such a shape.
        """
        wanted = released.remedy(normalisation)
        with released.refusing(path, "images and labels", wanted), npz.opened(path) as file:
            images = released.images(file, normalisation, channels)
            labels, one_hot = released.labels(file, len(images), classes)
            if one_hot and label_convention == "as released":
                label_convention = "one-hot"
            flat = np.moveaxis(images, 3, 1).reshape(len(images), -1)
            points = normalisation(images) if pixels else flat
            made = cls(
                jnp.asarray(points),
                jnp.asarray(labels.astype(normalisation.dtype)),
                reg_s,
                None,
                normalisation,
                label_convention,
                construction,
                {"file": Path(path).name},
                kernel,
            )
        if hint := released.pixels_hint(images, normalisation, pixels):
            warnings.warn(f"{path}: {hint}", stacklevel=2)
        return made


def _within(name: str, values: Array) -> Array:
    """The values, if they are finite."""
    if not checks.all_finite(values):
        raise ValueError(
            f"{name} leave the range of {values.dtype}: points, feature map or normalisation are "
            "too large or "
            "too small."
        )
    return values
