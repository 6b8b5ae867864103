"""A training set to draw batches from, kept once and as small as it can be.

It is turned into network inputs batch by batch.
"""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.images.normalisation import batches
from distill_lib.images.whitening import Preprocessing, Whitening

_BATCH = 4096


class Targets(eqx.Module):
    """A training set from which KIP and RFAD draw batches: images with their classes.

    With a `Normalisation` the images stay as they came (bytes). With a `Whitening`, which costs a
    d x d product each, they are kept as whitened inputs in float32, the pixels of natural images
    being known no better.

    Attributes:
        kept: (n, h, w, c) images or (n, d) whitened inputs.
        classes: (n,) class indices.
        preprocessing: from images to network inputs.
        count: k, the number of classes.

    Example:
        >>> from distill_lib.baselines.training_set import Targets
        >>> norm = dl.Normalisation((1, 2, 1), 255, 0, 1)
        >>> targets = Targets.of(np.array([[[[255], [0]]], [[[0], [51]]]]), [0, 1], norm)
        >>> x, y = targets(jnp.array([1]))
        >>> x.tolist(), y.tolist()
        ([[0.0, 0.2]], [[-0.5, 0.5]])
    """

    kept: Array
    classes: Int[Array, " n"]
    preprocessing: Preprocessing
    count: int = eqx.field(static=True)

    @classmethod
    def of(
        cls, images, labels, preprocessing: Preprocessing, count: int | None = None, rows=None
    ) -> Self:
        """All images of a training set with their class indices, ready to draw batches from.

        Images are (n, h, w, c), indices (n,), of k = `count` classes, by default one more than the
        largest label; `rows` are those that are kept, ascending, by default all. What lies in a
        file is read by slices. What is kept is in memory, since batches are drawn from all of it.

        Raises: ValueError for labels out of range or an empty class, images of the wrong shape or
            not finite.
        """
        images = preprocessing.opened(images)
        labels = checks.indices("labels", labels, count=images.shape[0])
        labels = labels if rows is None else labels[rows]
        count = int(labels.max(initial=-1)) + 1 if count is None else count
        checks.labels("labels", labels, count)
        white = isinstance(preprocessing, Whitening)
        form = (preprocessing.dim,) if white else preprocessing.shape
        kept, start = np.empty(0), 0
        for batch in batches(images, _BATCH, preprocessing.pixel_max, rows):
            part = np.asarray(preprocessing(batch), np.float32) if white else batch
            if not start:
                kept = np.empty((len(labels), *form), part.dtype)
            kept[start : start + len(part)] = part
            start += len(part)
        return cls(jnp.asarray(kept), jnp.asarray(labels, jnp.int32), preprocessing, count)

    def __len__(self) -> int:
        return len(self.classes)

    def __call__(self, rows: Int[Array, " b"]) -> tuple[Float[Array, "b d"], Float[Array, "b k"]]:
        """The network inputs and centred labels of some samples."""
        x, dtype = self.kept[rows], jnp.dtype(self.preprocessing.dtype)
        x = x.astype(dtype) if isinstance(self.preprocessing, Whitening) else self.preprocessing(x)
        return x, centred_labels(self.classes[rows], self.count, dtype)


def centred_labels(classes: Int[Array, " n"], count: int, dtype="float64") -> Float[Array, "n k"]:
    """One-hot labels minus 1/k, so that the zero function answers with no class at all.

    Example:
        >>> from distill_lib.baselines.training_set import centred_labels
        >>> centred_labels(np.array([0, 3]), count=4).tolist()
        [[0.75, -0.25, -0.25, -0.25], [-0.25, -0.25, -0.25, 0.75]]
    """
    return jax.nn.one_hot(jnp.asarray(classes), count, dtype=dtype) - 1 / count


def augmented(
    key: PRNGKeyArray, x: Float[Array, "n d"], shape: tuple[int, int, int], flip: bool, shift: int
) -> Float[Array, "n d"]:
    """Network inputs, each mirrored at random and moved by some pixels.

    Mirrored left to right with probability 1/2 where `flip`, moved by up to `shift` pixels each
    way. What moves in is 0, the mean of the training set.

    Example:
        >>> from distill_lib.baselines.training_set import augmented
        >>> x = jnp.arange(1, 5).reshape(1, 4)
        >>> found = augmented(jax.random.key(0), x, (2, 2, 1), flip=True, shift=0)
        >>> found.tolist() in ([[1, 2, 3, 4]], [[2, 1, 4, 3]])
        True
    """
    h, w, c = shape
    x = x.reshape(-1, c, h, w)
    flip_key, shift_key = jax.random.split(key)
    if flip:
        mirrored = jax.random.bernoulli(flip_key, 0.5, (len(x), 1, 1, 1))
        x = jnp.where(mirrored, x[..., ::-1], x)
    if shift:
        moves = jax.random.randint(shift_key, (len(x), 2), 0, 2 * shift + 1)
        padded = jnp.pad(x, ((0, 0), (0, 0), (shift, shift), (shift, shift)))
        x = jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (0, at[0], at[1]), (c, h, w)))(
            padded, moves
        )
    return x.reshape(len(x), -1)
