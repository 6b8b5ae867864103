"""Images and labels as others release them, in the layouts that are in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.boundary.npz import Npz, Unreadable
from distill_lib.images.whitening import Preprocessing, Whitening

Channels = Literal["first", "last"]
_APART, _NEAR = 5, 2.5  # factors between root mean squares: of another range, of the same


def remedy(normalisation: Preprocessing) -> str:
    """What to give instead of a file that cannot be read."""
    h, w, c = normalisation.shape
    return (
        f"give an npz file with arrays images (m, {c}, {h}, {w}) or (m, {h}, {w}, {c}) and labels "
        "(m, k), or m class indices, of finite numbers"
    )


def images(
    file: Npz, normalisation: Preprocessing, channels: Channels | None
) -> Float[np.ndarray, "m h w c"]:
    """The images of a released set, channel last; shapes are checked before they are read.

    Raises: Unreadable.
    """
    file.only({"images", "labels"}, "a released set")
    h, w, c = normalisation.shape
    m, *shape = file.check("images").shape or (0,)
    flat = [h * w * c], *([[h, w]] if c == 1 else [])
    known: dict[Channels, tuple] = {"first": ([c, h, w], *flat), "last": ([h, w, c], *flat)}
    fitting = [name for name in known if channels in (None, name) and shape in known[name]]
    if not m or not fitting:
        stated = f", or have their channels {channels}" if channels else ""
        raise Unreadable(
            f"images have shape {(m, *shape)}, which is none of {h} x {w} pixels and {c} "
            f"channels{stated}"
        )
    if len(fitting) > 1 and c > 1:
        raise Unreadable(
            f"images of shape {(m, *shape)} may have their channels first or last; state "
            "channels='first' or 'last'"
        )
    values = file.read("images").astype(normalisation.dtype, copy=False)
    checks.finite("images", values)  # float64 may not fit into float32
    return (
        np.moveaxis(values.reshape(m, c, h, w), 1, 3)
        if fitting[0] == "first"
        else values.reshape(m, h, w, c)
    )


def labels(file: Npz, m: int, classes: int | None) -> tuple[Float[np.ndarray, "m k"], bool]:
    """The labels of m images, and whether they are the one-hot rows of class indices.

    Raises: ValueError.
    """
    claim = file.check("labels")
    if claim.dtype.kind == "f" or claim.shape not in ((m,), (m, 1)):
        return file.read("labels", shape=(m, None)), False
    index = file.read("labels").reshape(m)
    if classes is None:  # all of them are there, so there are at most m
        classes = min(int(index.max()) + 1, m)
        if set(index.tolist()) != set(range(classes)):
            raise Unreadable(
                f"the class indices {index.min()}..{index.max()} leave classes out; state how many "
                "there are with classes="
            )
    checks.labels("labels", index, classes, every=False)
    return np.eye(classes)[index], True


def pixels_hint(
    values: Float[np.ndarray, "m h w c"], normalisation: Preprocessing, pixels: bool
) -> str:
    """What to say if the images seem to be of the other kind than was stated; else ''.

    Network inputs that were called pixels, or the reverse, are known by their size. Pixels have a
    root mean square of about pixel_max sqrt(mean^2 + std^2), network inputs of about 1.
    """
    first = normalisation.normalisation if isinstance(normalisation, Whitening) else normalisation
    usual = {
        True: first.pixel_max
        * float(np.sqrt(np.mean(np.square(first.mean) + np.square(first.std)))),
        False: 1.0,
    }
    size = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))

    def off(which: bool) -> float:
        return max(size / usual[which], usual[which] / size) if size else 1.0

    if off(pixels) < _APART or off(not pixels) > _NEAR:
        return ""
    names = {True: "pixel values", False: "network inputs"}
    return (
        f"the root mean square of its images is {size:.3g}, as for {names[not pixels]} (about "
        f"{usual[not pixels]:.3g}); "
        f"pixels={pixels} takes them for {names[pixels]} (about {usual[pixels]:.3g}), so try "
        f"pixels={not pixels}."
    )


@contextmanager
def refusing(path: str | Path, what: str, remedy: str) -> Iterator[None]:
    """Name the file and the remedy in every ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as {what}: {str(error).rstrip('.')}; {remedy}."
        ) from error
