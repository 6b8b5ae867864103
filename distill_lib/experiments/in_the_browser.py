"""What the page "Distil in your browser" needs of a data set: its linear model and a few images.

And what the small figures of the theory need: fewer images, and smaller ones.
"""

import base64
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from distill_lib import paper
from distill_lib.data import Dataset
from distill_lib.images.sampling import balanced_sample
from distill_lib.theory.closed_form import (
    recovered_weights,
    recovery_error,
    recovery_matrix,
    support_features,
)
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import nearest_set

Content = dict[str, Any]
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def content(data: Dataset, rounds: int = 10, tests: int = 10) -> Content:
    """The original linear model of a data set, with real and test images, as plain JSON values.

    The model is that of `paper.original_model`, trained again on all samples. Every array is given
    by its type, its shape and its bytes, little-endian, compressed and in base64. `array` reads it.

    Args:
        data: a data set from `data.load`.
        rounds: training images of each class, drawn at random, to start sets from.
        tests: test images of each class, drawn at random, to ask both models about.
    Returns: weights (k, d); real (rounds k, h, w, c), in rounds of the classes; test and its
        labels; the normalisation, lam, the number of training samples, the model's test accuracy,
        and where all of it comes from.
    Raises: ValueError if a class has fewer images than are asked for.
    """
    info, k = data.info, len(data.info.classes)
    model = paper.original_model(data, "linear", seed=0, refit=True)
    keys = jax.random.split(jax.random.key(0))
    real = balanced_sample(keys[0], data.y_train, rounds * k, k)
    test = balanced_sample(keys[1], data.y_test, tests * k, k)
    norm = paper.normalisation(info)
    return {
        "dataset": info.name,
        "title": info.title,
        "classes": list(info.classes),
        "shape": list(norm.shape),
        "pixel_max": norm.pixel_max,
        "mean": list(norm.mean),
        "std": list(norm.std),
        "reg": float(model.reg),
        "samples": len(data.y_train),
        "accuracy": model.accuracy(data.x_test, data.y_test),
        "weights": _packed(model.weights, "<f8"),
        "real": _packed(data.x_train[real], "|u1"),
        "test": _packed(data.x_test[test], "|u1"),
        "test_labels": _packed(data.y_test[test], "|u1"),
        "provenance": {
            "made_by": "python -m distill_lib.companion.site.play",
            "model": "paper.original_model(data, 'linear', seed=0, refit=True)",
            "digest": info.digest,
            "licence": info.licence,
            "distill-lib": version("distill-lib"),
            "jax": version("jax"),
        },
    }


def small(
    data: Dataset, rounds: int = 10, reg: float = 10.0, counts: Sequence[int] | None = None
) -> Content:
    """Few images with what trains a ridge model on them, as text that a page can hold.

    The curves of `errors` stand beside them: the page computes single points of these.

    Args:
        data: a data set of one channel and at most 36 grey values, as the digits are.
        rounds: training images of each class, drawn at random.
        reg: lam of the model that the page trains on them.
        counts: numbers of points of the curves (default: every one).
    Returns: images, in rounds of the classes, each a string of one digit to the base 36 a pixel;
        labels, a string of digits; the normalisation and lam.
    Raises: ValueError if a grey value has no digit, or a class has fewer images than asked for.
    """
    norm, k = paper.normalisation(data.info), len(data.info.classes)
    if norm.pixel_max >= len(DIGITS) or k > 10 or norm.shape[2] > 1:
        raise ValueError(
            f"{data.info.name} has {k} classes, {norm.shape[2]} channels and pixels up to "
            f"{norm.pixel_max}: a small page takes 10, one and {len(DIGITS) - 1} at most"
        )
    rows = balanced_sample(jax.random.key(0), data.y_train, rounds * k, k)
    images = np.asarray(data.x_train[rows], int).reshape(len(rows), -1)
    return {
        "dataset": data.info.name,
        "shape": list(norm.shape[:2]),
        "classes": k,
        "pixel_max": norm.pixel_max,
        "mean": norm.mean[0],
        "std": norm.std[0],
        "reg": reg,
        "labels": "".join(str(label) for label in data.y_train[rows]),
        "images": ["".join(DIGITS[pixel] for pixel in image) for image in images],
        "curves": errors(np.asarray(norm(data.x_train[rows])), data.y_train[rows], reg, counts),
        "provenance": {"digest": data.info.digest, "licence": data.info.licence},
    }


def errors(
    inputs: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    reg: float,
    counts: Sequence[int] | None = None,
) -> dict[str, list[float]]:
    """Curves against the number m of points, for the ridge model of all inputs.

    Args:
        counts: of points (default: 1 to n).
    Returns: the counts; the recovery error of labels only (Theorem 4.2) on the first m inputs;
        that of Theorem 4.1 with one-hot labels and Z = 0, below m = k the least possible; and for
        m from k to d how far the nearest set is from the inputs, as a share of their norm.
    """
    n, d = inputs.shape
    one_hot = jnp.eye(int(labels.max()) + 1)[labels]
    k, weights = one_hot.shape[1], recovered_weights(jnp.asarray(inputs), one_hot, reg)
    s = np.linalg.svd(weights, compute_uv=False)
    found: dict[str, list[float]] = {"m": list(counts or range(1, n + 1))}
    for name in ("labels", "points", "nearest"):
        found[name] = []
    for m in found["m"]:
        real, hot = jnp.asarray(inputs[:m]), jnp.eye(k)[np.arange(m) % k]
        carried = recovered_weights(real, solved_labels(weights, real))
        found["labels"].append(recovery_error(weights, carried))
        if m < k:
            found["points"].append(float(np.linalg.norm(s[m:]) / np.linalg.norm(s)))
        else:
            points = support_features(recovery_matrix(weights, hot))
            found["points"].append(recovery_error(weights, recovered_weights(points, hot)))
        if k <= m <= d:
            away = nearest_set(weights, real).distance
            found["nearest"].append(float(away / np.linalg.norm(real)))
    return {name: [float(f"{value:.4g}") for value in curve] for name, curve in found.items()}


def array(packed: Content) -> np.ndarray:
    """An array that `content` packed.

    Example:
        >>> from distill_lib.experiments.in_the_browser import array
        >>> array({"dtype": "|u1", "shape": [2], "zlib": "eJxjZAIAAAYABA=="}).tolist()
        [1, 2]
    """
    raw = zlib.decompress(base64.b64decode(packed["zlib"]))
    return np.frombuffer(raw, packed["dtype"]).reshape(packed["shape"])


def _packed(values: Any, dtype: str) -> Content:
    array = np.ascontiguousarray(values, dtype)
    text = base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()
    return {"dtype": dtype, "shape": list(array.shape), "zlib": text}
