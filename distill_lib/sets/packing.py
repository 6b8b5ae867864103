"""The file of a distilled set: its parts as plain values and named arrays, and back."""

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any, Literal, get_origin

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.boundary.npz import Npz
from distill_lib.boundary.plain import entries, plain, typed
from distill_lib.features import KINDS, FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.whitening import Preprocessing, Whitening
from distill_lib.kernels.infinite_width import InfiniteWidth

Arrays = dict[str, np.ndarray]
Array = Callable[[str], Any]  # from an array's name in the file to the array, or to its shape alone

FORMAT, VERSION = "distill-lib distilled set", 2
_WHITENING = ("mean", "forward", "backward")
_DEEPEST = 1000  # layers of a kernel that JAX would compile
_OPTIONAL = ("kernel", "arrays", "intercept")  # since version 1; the last only where it is so
_HEADER = {
    "format": str,
    "version": int,
    "feature_map": dict,
    "normalisation": dict,
    "kernel": Any,
    "reg_s": float,
    "label_convention": str,
    "construction": str,
    "provenance": dict,
    "arrays": dict,
    "intercept": Literal[True],
}


def header_text(header: dict[str, Any], arrays: Arrays) -> str:
    """A set's header as JSON, with the type and shape of every array.

    Raises: ValueError for what `load` would refuse.
    """
    described = {name: [array.dtype.name, list(array.shape)] for name, array in arrays.items()}
    content = {"format": FORMAT, "version": VERSION, "arrays": described}
    content |= {name: plain(name, value) for name, value in header.items()}
    try:
        known = entries("", content, _HEADER, optional=("intercept",))
        check_shapes(unpack(known, arrays.__getitem__))
    except ValueError as error:
        raise ValueError(
            f"the set cannot be saved, since `load` would refuse it: {error}."
        ) from error
    return json.dumps(content, allow_nan=False)


def read_header(file: Npz) -> dict[str, Any]:
    """The header of a set's file, once its entries and the claims of all arrays fit.

    No array is read.

    Raises: ValueError if it is none, of an unknown version, or if the arrays are not those that it
        describes.
    """
    text = file.text("header")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("its header is no JSON") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("it has no header of a distilled set")
    version = typed("version", header.get("version"), int)
    if version > VERSION:
        raise ValueError(f"it is of version {version}, newer than this library knows")
    if version < 1:
        raise ValueError(f"its version is {version}, not 1 or {VERSION}")
    header = entries("", header, _HEADER, optional=_OPTIONAL)
    if version > 1:
        _check_described(file, header.get("arrays", {}))
    return header


def _check_described(file: Npz, described: dict[str, Any]) -> None:
    """Raise ValueError unless the file holds the arrays that its header describes."""
    file.only({*described, "header"}, "its header")
    for name, claim in described.items():
        seen = file.check(name)
        if claim != [seen.dtype.name, list(seen.shape)]:
            raise ValueError(f"{name} is {seen}, but the header describes it otherwise")


def unpack(header: dict[str, Any], array: Array) -> dict[str, Any]:
    """The arguments of a `DistilledSet`, from a header and its arrays.

    Raises: ValueError that names the entry which `save` did not write.
    """
    return {
        "points": array("points"),
        "labels": array("labels"),
        "reg_s": header["reg_s"],
        "feature_map": unpack_feature_map(header["feature_map"], array),
        "normalisation": unpack_preprocessing(header["normalisation"], array),
        "label_convention": header["label_convention"],
        "construction": header["construction"],
        "provenance": header["provenance"],
        "kernel": unpack_kernel(header.get("kernel")),
        "intercept": header.get("intercept", False),
    }


def check_shapes(parts: dict[str, Any]) -> None:
    """Raise ValueError unless the parts of a set fit each other, before an array is read."""
    points, labels, phi = parts["points"], parts["labels"], parts["feature_map"]
    d = math.prod(parts["normalisation"].shape)
    m = points.shape[0] if points.shape else 0
    for name, of, wanted in (("points", points, ("any", d)), ("labels", labels, (m, "any"))):
        fits = len(of.shape) == 2 and 0 not in of.shape
        if not fits or any(
            want not in ("any", size) for want, size in zip(wanted, of.shape, strict=True)
        ):
            raise ValueError(
                f"{name} has shape {of.shape}, but a matrix of shape ({wanted[0]}, {wanted[1]}) is "
                "needed"
            )
    if phi is None:
        return
    kind = type(phi).__name__
    try:
        features = jax.eval_shape(lambda phi, x: phi(x), phi, points)
        sizes = phi.dim_in, *features.shape
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"the arrays of its feature map {kind} do not fit each other or the points"
        ) from error
    if sizes != (d, m, phi.dim_out) or not phi.dim_out:
        raise ValueError(f"its feature map {kind} does not fit points of {d} numbers")


def pack_feature_map(phi: FeatureMap | None) -> tuple[dict[str, Any], Arrays]:
    """A feature map as values and arrays, or that there is none; tuples are counted.

    Raises: ValueError for a map `load` would not know.
    """
    if phi is None:
        return {"kind": "none"}, {}
    kind = type(phi).__name__
    if KINDS.get(kind) is not type(phi):
        raise ValueError(
            f"the feature map {kind} cannot be saved, since `load` would not know it; known are "
            f"{', '.join(KINDS)}."
        )
    values: dict[str, Any] = {"kind": kind}
    arrays: Arrays = {}
    for field in dataclasses.fields(phi):
        value = getattr(phi, field.name)
        if field.metadata.get("static"):
            values[field.name] = value
        elif isinstance(value, tuple):
            values[field.name] = {"arrays": len(value)}
            arrays |= {f"phi.{field.name}.{i}": np.asarray(a) for i, a in enumerate(value)}
        else:
            values[field.name] = {"arrays": None}
            arrays[f"phi.{field.name}"] = np.asarray(value)
    return values, arrays


def unpack_feature_map(values: dict[str, Any], array: Array) -> FeatureMap | None:
    """The feature map that `pack_feature_map` took apart.

    Raises: ValueError for what `pack_feature_map` did not make.
    """
    if "kind" not in values:
        raise ValueError("'feature_map.kind' is missing")
    kind = typed("feature_map.kind", values["kind"], str)
    if kind == "none":
        entries("feature_map", values, {"kind": str})
        return None
    if kind not in KINDS:
        raise ValueError(f"its feature map '{kind}' is unknown; known are {', '.join(KINDS)}")
    fields = {field.name: field for field in dataclasses.fields(KINDS[kind])}
    static = {name for name, field in fields.items() if field.metadata.get("static")}
    hints = {name: field.type if name in static else dict for name, field in fields.items()}
    values = entries("feature_map", values, {"kind": str} | hints)

    def value(name: str) -> Any:
        if name in static:
            return values[name]
        many = entries(f"feature_map.{name}", values[name], {"arrays": Any})["arrays"]
        if get_origin(fields[name].type) is not tuple:
            if many is not None:
                raise ValueError(f"feature_map.{name}.arrays is {many!r:.40}, not null")
            return array(f"phi.{name}")
        many = typed(f"feature_map.{name}.arrays", many, int)
        return tuple(array(f"phi.{name}.{i}") for i in range(many))

    return KINDS[kind](**{name: value(name) for name in fields})


def pack_preprocessing(preprocessing: Preprocessing) -> tuple[dict[str, Any], Arrays]:
    """A standardisation as values, and the whitening after it, where there is one, as arrays."""
    if isinstance(preprocessing, Whitening):
        arrays = {
            f"whitening.{name}": np.asarray(getattr(preprocessing, name)) for name in _WHITENING
        }
        values, _ = pack_preprocessing(preprocessing.normalisation)
        return values | {"whitening": True}, arrays
    return dataclasses.asdict(preprocessing) | {"dtype": jnp.dtype(preprocessing.dtype).name}, {}


def unpack_preprocessing(values: dict[str, Any], array: Array) -> Preprocessing:
    """The preprocessing that `pack_preprocessing` took apart.

    Raises: as `unpack_feature_map`.
    """
    hints = {field.name: field.type for field in dataclasses.fields(Normalisation)}
    hints |= {"dtype": Literal["float32", "float64"], "whitening": Literal[True]}
    values = entries("normalisation", values, hints, optional=("whitening",))
    whitened = values.pop("whitening", False)
    normalisation = Normalisation(**values)
    if not whitened:
        return normalisation
    return Whitening(normalisation, *(array(f"whitening.{name}") for name in _WHITENING))


def pack_kernel(kernel: InfiniteWidth | None) -> dict[str, Any] | None:
    """A kernel as values.

    Raises: ValueError for a kernel that `load` would not know.
    """
    if kernel is None:
        return None
    if type(kernel) is not InfiniteWidth:
        raise ValueError(
            f"the kernel {type(kernel).__name__} cannot be saved, since `load` would not know it; "
            "known is InfiniteWidth."
        )
    return dataclasses.asdict(kernel)


def unpack_kernel(values: dict[str, Any] | None) -> InfiniteWidth | None:
    """The kernel that `pack_kernel` took apart.

    Raises: as `unpack_feature_map`.
    """
    if values is None:
        return None
    hints = {field.name: field.type for field in dataclasses.fields(InfiniteWidth)}
    values = entries("kernel", values, hints)
    if values["depth"] > _DEEPEST:
        raise ValueError(f"kernel.depth is {values['depth']}, more than {_DEEPEST} layers")
    return InfiniteWidth(**values)
