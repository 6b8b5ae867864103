"""The parts of a distilled set as plain values and named arrays, and back: what its file is made of."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from distill_lib.features import KINDS, FeatureMap
from distill_lib.images import Normalisation
from distill_lib.infinite_width import InfiniteWidth
from distill_lib.whitening import Preprocessing, Whitening

_WHITENING = ("mean", "forward", "backward")
Arrays = dict[str, np.ndarray]


def pack_feature_map(phi: FeatureMap | None) -> tuple[dict[str, Any], Arrays]:
    """A feature map, or that there is none (a tuple of arrays counts its entries). Raises: ValueError for a map `load` would not know."""
    if phi is None:
        return {"kind": "none"}, {}
    kind = type(phi).__name__
    if KINDS.get(kind) is not type(phi):
        raise ValueError(
            f"the feature map {kind} cannot be saved, since `load` would not know it; known are {', '.join(KINDS)}."
        )
    plain: dict[str, Any] = {"kind": kind}
    arrays: Arrays = {}
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


def unpack_feature_map(plain: dict[str, Any], arrays: Arrays) -> FeatureMap | None:
    """Raises: KeyError, TypeError or ValueError for what `pack_feature_map` did not make."""
    plain = dict(plain)
    kind = plain.pop("kind")
    if kind == "none":
        return None
    if kind not in KINDS:
        raise ValueError(f"its feature map '{kind}' is unknown; known are {', '.join(KINDS)}")

    def value(name, entry):
        if not isinstance(entry, dict):
            return entry
        if entry["arrays"] is None:
            return jnp.asarray(arrays[f"phi.{name}"])
        return tuple(jnp.asarray(arrays[f"phi.{name}.{i}"]) for i in range(entry["arrays"]))

    return KINDS[kind](**{name: value(name, entry) for name, entry in plain.items()})


def pack_preprocessing(preprocessing: Preprocessing) -> tuple[dict[str, Any], Arrays]:
    """The numbers of the standardisation, and of the whitening after it where there is one."""
    if isinstance(preprocessing, Whitening):
        arrays = {f"whitening.{name}": np.asarray(getattr(preprocessing, name)) for name in _WHITENING}
        return dataclasses.asdict(preprocessing.normalisation) | {"whitening": True}, arrays
    return dataclasses.asdict(preprocessing), {}


def unpack_preprocessing(plain: dict[str, Any], arrays: Arrays) -> Preprocessing:
    """Raises: as `unpack_feature_map`."""
    normalisation = Normalisation(
        tuple(plain["shape"]),
        plain["pixel_max"],
        tuple(plain["mean"]),
        tuple(plain["std"]),
        plain["dtype"],
    )
    if not plain.get("whitening"):
        return normalisation
    return Whitening(normalisation, *(jnp.asarray(arrays[f"whitening.{name}"]) for name in _WHITENING))


def pack_kernel(kernel: InfiniteWidth | None) -> dict[str, Any] | None:
    """Raises: ValueError for a kernel that `load` would not know."""
    if kernel is None:
        return None
    if type(kernel) is not InfiniteWidth:
        raise ValueError(
            f"the kernel {type(kernel).__name__} cannot be saved, since `load` would not know it; known is InfiniteWidth."
        )
    return dataclasses.asdict(kernel)


def unpack_kernel(plain: dict[str, Any] | None) -> InfiniteWidth | None:
    """Raises: as `unpack_feature_map`."""
    return None if plain is None else InfiniteWidth(**plain | {"shape": tuple(plain["shape"])})
