"""What the page "Distil in your browser" needs of a data set: its linear model and a few images."""

import base64
import zlib
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from distill_lib import paper
from distill_lib.data import Dataset
from distill_lib.images.sampling import balanced_sample

Content = dict[str, Any]


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
