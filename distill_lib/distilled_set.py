"""A distilled set that carries everything needed to use it."""

import json
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from distill_lib import _checks, _packing, kernel_regression
from distill_lib._files import replacing
from distill_lib.closed_form import recovered_weights
from distill_lib.features import FeatureMap
from distill_lib.images import picture_grid
from distill_lib.infinite_width import InfiniteWidth, cross, gram
from distill_lib.ridge import RidgeModel
from distill_lib.whitening import Preprocessing

_FORMAT = {"format": "distill-lib distilled set", "version": 1}


class DistilledSet(eqx.Module):
    """Support points, their labels, and the model class they are for: a feature map, or a kernel that has none.

    Attributes:
        points: (m, d) network inputs X_S, normalised.
        labels: (m, k) Y_S.
        reg_s: lam_S, the ridge parameter to train with.
        feature_map: phi; None for a set made for a kernel.
        normalisation: from images to network inputs; its inverse shows the points as images.
        label_convention: what the labels are, in words ("one-hot", "W phi_{lam_S}(Xh)", "W phi_{lam_S}(X_S)", "one-hot - 1/k").
        construction: which theorem or method made the set.
        provenance: how it was made and how exactly it carries its model, as plain JSON values.
        kernel: the kernel it was made for, where there is no feature map.
    """

    points: Float[Array, "m d"]
    labels: Float[Array, "m k"]
    reg_s: float = eqx.field(static=True)
    feature_map: FeatureMap | None
    normalisation: Preprocessing
    label_convention: str = eqx.field(static=True)
    construction: str = eqx.field(static=True)
    provenance: dict[str, Any] = eqx.field(static=True)
    kernel: InfiniteWidth | None = None

    def __check_init__(self) -> None:
        phi, kernel = self.feature_map, self.kernel
        _checks.matrix("points", self.points, cols=self.normalisation.dim if phi is None else phi.dim_in)
        _checks.matrix("labels", self.labels, rows=len(self.points))
        _checks.reg("reg_s", self.reg_s)
        if phi is not None and kernel is not None:
            raise ValueError(
                "a set is for a feature map or for a kernel; give one of them, the other being None."
            )
        if kernel is not None and kernel.shape != self.normalisation.shape:
            raise ValueError(
                f"the kernel takes images of shape {kernel.shape}, but the set holds {self.normalisation.shape}."
            )
        if phi is not None and self.normalisation.dim != phi.dim_in:
            raise ValueError(
                f"the feature map takes {phi.dim_in} inputs, but images of shape "
                f"{self.normalisation.shape} have {self.normalisation.dim}."
            )

    def model(self) -> RidgeModel:
        """The model that training on this set gives: W_S = Y_S phi_{lam_S}(X_S)^+. Raises: ValueError without a feature map."""
        if self.feature_map is None:
            raise ValueError(
                "this set has no feature map, hence no weights; take scores or predict with its kernel, or kernel_regression.scores "
                "with any other."
            )
        weights = recovered_weights(self.feature_map(self.points), self.labels, self.reg_s)
        return RidgeModel(weights, self.feature_map, self.normalisation, self.reg_s, (), ())

    def scores(self, images) -> Float[Array, "n k"]:
        """W_S phi(x), or K(x, X_S) (K_SS + lam_S I)^{-1} Y_S, for images (n, h, w, c). To predict more than once, keep `model()`.

        Raises: ValueError without a feature map and a kernel, or for images of the wrong shape.
        """
        if self.kernel is None:
            return self.model().scores(images)
        self.normalisation.check(images)
        k_ss = gram(self.kernel, self.points)
        relative = self.reg_s / float(kernel_regression.relative_reg(k_ss, 1.0))
        c = kernel_regression.coefficients(k_ss, self.labels, relative)
        return cross(self.kernel, self.normalisation(images), self.points) @ c

    def predict(self, images) -> Int[np.ndarray, " n"]:
        """Class indices for images (n, h, w, c)."""
        return np.argmax(np.asarray(self.scores(images)), axis=1)

    def images(self) -> Float[Array, "m h w c"]:
        """The points as images in pixel values; distilled from noise they leave 0..pixel_max freely."""
        return self.normalisation.inverse(self.points)

    def picture(self, columns: int = 10, **options) -> UInt8[np.ndarray, "height width 3"]:
        """The points as a grid; options are those of `images.picture_grid`, `images.save_picture` writes it."""
        return picture_grid(self.images(), columns, **options)

    def save(self, path: str | Path) -> None:
        """Write one npz file without pickles, at once or not at all."""
        phi, arrays = _packing.pack_feature_map(self.feature_map)
        normalisation, more = _packing.pack_preprocessing(self.normalisation)
        header = _FORMAT | {
            "feature_map": phi,
            "normalisation": normalisation,
            "kernel": _packing.pack_kernel(self.kernel),
            "reg_s": self.reg_s,
            "label_convention": self.label_convention,
            "construction": self.construction,
            "provenance": self.provenance,
        }
        arrays |= more | {"points": np.asarray(self.points), "labels": np.asarray(self.labels)}
        arrays["header"] = np.array(json.dumps(header))
        with replacing(Path(path)) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names are free, numpy's stub thinks of its flags

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; predictions are the same.

        Raises: ValueError if the file cannot be read, is no distilled set, or is of a newer version.
        """
        try:
            arrays = _arrays(path)
            header = json.loads(str(arrays.pop("header")))
            if not isinstance(header, dict) or header.get("format") != _FORMAT["format"]:
                raise ValueError("it has no header of a distilled set")
            if header["version"] > _FORMAT["version"]:
                raise ValueError(f"it is of version {header['version']}, newer than this library knows")
            return cls(
                jnp.asarray(arrays.pop("points")),
                jnp.asarray(arrays.pop("labels")),
                header["reg_s"],
                _packing.unpack_feature_map(header["feature_map"], arrays),
                _packing.unpack_preprocessing(header["normalisation"], arrays),
                header["label_convention"],
                header["construction"],
                header["provenance"],
                _packing.unpack_kernel(header.get("kernel")),
            )
        except Exception as error:  # whatever a damaged file makes zipfile, numpy or json raise
            raise ValueError(
                f"{path} cannot be read as a distilled set: {_reason(error)}; give a file written by DistilledSet.save."
            ) from error

    @classmethod
    def from_npz(
        cls,
        path: str | Path,
        normalisation: Preprocessing,
        *,
        pixels: bool,
        kernel: InfiniteWidth | None = None,
        reg_s: float = 0.0,
        label_convention: str = "as released",
        construction: str = "as released",
    ) -> Self:
        """A set released by others, from an npz file with `images` (m, c, h, w), floats, and `labels` (m, k).

        What a file does not tell has to be stated: how its images were preprocessed.

        Args:
            normalisation: from images to network inputs.
            pixels: whether the file holds pixel values, white at `normalisation.pixel_max`, or network inputs, preprocessed already.
            kernel: the kernel to evaluate with.
            reg_s: lam_S.
            label_convention, construction: in words.
        Raises: ValueError if the file cannot be read without pickles, lacks an array, or one is not finite, real or of that shape.
        """
        h, w, c = normalisation.shape
        try:
            arrays = _arrays(path)
            found = {name: arrays[name] for name in ("images", "labels")}
            for name, array in found.items():
                if array.dtype.kind not in "iuf":
                    raise ValueError(f"{name} are of {array.dtype}, not real numbers")
            images, labels = (array.astype(normalisation.dtype) for array in found.values())
            if images.ndim != 4 or images.shape[1:] != (c, h, w) or not len(images):
                raise ValueError(f"images have shape {images.shape}, but (m, {c}, {h}, {w}) is needed")
            _checks.finite("images", images)
            _checks.matrix("labels", labels, rows=len(images))
            points = (
                normalisation(np.moveaxis(images, 1, 3)) if pixels else images.reshape(len(images), h * w * c)
            )
            provenance = {"file": Path(path).name}
            return cls(
                jnp.asarray(points), jnp.asarray(labels), reg_s, None, normalisation, label_convention, construction,
                provenance, kernel,
            )  # fmt: skip
        except Exception as error:  # as in `load`
            raise ValueError(
                f"{path} cannot be read as images and labels: {_reason(error)}; give an npz file with arrays images (m, {c}, {h}, {w}) "
                "and labels (m, k) of finite numbers."
            ) from error


def _arrays(path: str | Path) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        if file.read(4) != b"PK\3\4":  # numpy would take it for a pickle, and advise to load it
            raise ValueError("it is no npz file")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _reason(error: Exception) -> str:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
    return reason or type(error).__name__
