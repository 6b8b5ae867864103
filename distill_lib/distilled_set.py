"""A distilled set that carries everything needed to use it."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from distill_lib import _checks
from distill_lib._files import replacing
from distill_lib.closed_form import recovered_weights
from distill_lib.features import KINDS, FeatureMap
from distill_lib.images import Normalisation, picture_grid
from distill_lib.ridge import RidgeModel

_FORMAT = {"format": "distill-lib distilled set", "version": 1}


class DistilledSet(eqx.Module):
    """Support points, their labels, and the model class they are for.

    Attributes:
        points: (m, d) network inputs X_S, normalised.
        labels: (m, k) Y_S.
        reg_s: lam_S, the ridge parameter to train with.
        feature_map: phi.
        normalisation: from images to network inputs; its inverse shows the points as images.
        label_convention: what the labels are, in words ("one-hot", "W phi_{lam_S}(Xh)", "W phi_{lam_S}(X_S)").
        construction: which theorem made the set.
        provenance: how it was made and how exactly it carries its model, as plain JSON values.
    """

    points: Float[Array, "m d"]
    labels: Float[Array, "m k"]
    reg_s: float = eqx.field(static=True)
    feature_map: FeatureMap
    normalisation: Normalisation
    label_convention: str = eqx.field(static=True)
    construction: str = eqx.field(static=True)
    provenance: dict[str, Any] = eqx.field(static=True)

    def __check_init__(self) -> None:
        _checks.matrix("points", self.points, cols=self.feature_map.dim_in)
        _checks.matrix("labels", self.labels, rows=len(self.points))
        _checks.reg("reg_s", self.reg_s)
        if self.normalisation.dim != self.feature_map.dim_in:
            raise ValueError(
                f"the feature map takes {self.feature_map.dim_in} inputs, but images of shape "
                f"{self.normalisation.shape} have {self.normalisation.dim}."
            )

    def model(self) -> RidgeModel:
        """The model that training on this set gives: W_S = Y_S phi_{lam_S}(X_S)^+."""
        weights = recovered_weights(self.feature_map(self.points), self.labels, self.reg_s)
        return RidgeModel(weights, self.feature_map, self.normalisation, self.reg_s, (), ())

    def scores(self, images) -> Float[Array, "n k"]:
        """W_S phi(x) for images (n, h, w, c). To predict more than once, keep `model()`."""
        return self.model().scores(images)

    def predict(self, images) -> Int[np.ndarray, " n"]:
        """Class indices for images (n, h, w, c)."""
        return self.model().predict(images)

    def images(self) -> Float[Array, "m h w c"]:
        """The points as images in pixel values; distilled from noise they leave 0..pixel_max freely."""
        return self.normalisation.inverse(self.points)

    def picture(self, columns: int = 10, **options) -> UInt8[np.ndarray, "height width 3"]:
        """The points as a grid; options are those of `images.picture_grid`, `images.save_picture` writes it."""
        return picture_grid(self.images(), columns, **options)

    def save(self, path: str | Path) -> None:
        """Write one npz file without pickles, at once or not at all."""
        phi, arrays = _packed(self.feature_map)
        header = _FORMAT | {
            "feature_map": phi,
            "normalisation": dataclasses.asdict(self.normalisation),
            "reg_s": self.reg_s,
            "label_convention": self.label_convention,
            "construction": self.construction,
            "provenance": self.provenance,
        }
        arrays |= {"points": np.asarray(self.points), "labels": np.asarray(self.labels)}
        arrays["header"] = np.array(json.dumps(header))
        with replacing(Path(path)) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names are free, numpy's stub thinks of its flags

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; predictions are the same.

        Raises: ValueError if the file cannot be read, is no distilled set, or is of a newer version.
        """
        try:
            with open(path, "rb") as file:
                if file.read(4) != b"PK\3\4":  # numpy would take it for a pickle, and advise to load it
                    raise ValueError("it is no npz file")
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(str(arrays.pop("header")))
            if not isinstance(header, dict) or header.get("format") != _FORMAT["format"]:
                raise ValueError("it has no header of a distilled set")
            if header["version"] > _FORMAT["version"]:
                raise ValueError(f"it is of version {header['version']}, newer than this library knows")
            n = header["normalisation"]
            normalisation = Normalisation(
                tuple(n["shape"]), n["pixel_max"], tuple(n["mean"]), tuple(n["std"]), n["dtype"]
            )
            return cls(
                jnp.asarray(arrays.pop("points")),
                jnp.asarray(arrays.pop("labels")),
                header["reg_s"],
                _unpacked(header["feature_map"], arrays),
                normalisation,
                header["label_convention"],
                header["construction"],
                header["provenance"],
            )
        except Exception as error:  # whatever a damaged file makes zipfile, numpy or json raise
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            reason = reason or type(error).__name__
            raise ValueError(
                f"{path} cannot be read as a distilled set: {reason}; give a file written by DistilledSet.save."
            ) from error


def _packed(phi: FeatureMap) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A feature map as plain values and named arrays (a tuple of arrays counts its entries)."""
    kind = type(phi).__name__
    if KINDS.get(kind) is not type(phi):
        raise ValueError(
            f"the feature map {kind} cannot be saved, since `load` would not know it; known are {', '.join(KINDS)}."
        )
    plain: dict[str, Any] = {"kind": kind}
    arrays: dict[str, np.ndarray] = {}
    for field in dataclasses.fields(phi):
        value = getattr(phi, field.name)
        if isinstance(value, tuple) and value and eqx.is_array(value[0]):
            plain[field.name] = {"arrays": len(value)}
            arrays |= {f"phi.{field.name}.{i}": np.asarray(a) for i, a in enumerate(value)}
        elif eqx.is_array(value):
            plain[field.name] = {"arrays": None}
            arrays[f"phi.{field.name}"] = np.asarray(value)
        else:
            plain[field.name] = value
    return plain, arrays


def _unpacked(plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> FeatureMap:
    plain = dict(plain)
    kind = plain.pop("kind")
    if kind not in KINDS:
        raise ValueError(f"its feature map '{kind}' is unknown; known are {', '.join(KINDS)}")

    def value(name, entry):
        if not isinstance(entry, dict):
            return entry
        if entry["arrays"] is None:
            return jnp.asarray(arrays[f"phi.{name}"])
        return tuple(jnp.asarray(arrays[f"phi.{name}.{i}"]) for i in range(entry["arrays"]))

    return KINDS[kind](**{name: value(name, entry) for name, entry in plain.items()})
