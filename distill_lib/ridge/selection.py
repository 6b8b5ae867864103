"""How lam is chosen: on samples held out or on each in turn, and between equals."""

import warnings
from typing import Literal

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.linalg.products import product
from distill_lib.linalg.pseudoinverse import negligible

Validation = Literal["random", "stratified", "leave-one-out"]
Ties = Literal["auto", "largest", "loss"]


@door()
def split(
    n: int, key: PRNGKeyArray, val_fraction: float
) -> tuple[Int[np.ndarray, " n_train"], Int[np.ndarray, " n_val"]]:
    """Random indices of the samples to train on and of those held out.

    Each ascending, so that batches read in order.

    Args:
        n: number of samples.
        key: JAX random key.
        val_fraction: share held out.
    Returns: the two arrays of indices.
    Raises: ValueError for a share outside [0, 1), or one that leaves nothing to train on.

    Example:
        >>> from distill_lib.ridge import split
        >>> train, held_out = split(20, jax.random.key(0), val_fraction=0.25)
        >>> len(train), len(held_out), np.intersect1d(train, held_out).tolist()
        (15, 5, [])
    """
    share("val_fraction", val_fraction)
    if (n_val := round(n * val_fraction)) == n:
        raise ValueError(
            f"val_fraction = {val_fraction} of {n} samples leaves 0 to train on; that part needs "
            "samples too."
        )
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(n)
    return np.sort(order[n_val:]), np.sort(order[:n_val])


def share(name: str, value: float) -> None:
    """Raise ValueError unless a value is a share of the samples that leaves some: in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} = {value} is no share of the samples; it must be in [0, 1).")


def chosen(regs, accuracies, ties, losses) -> float:
    """The most accurate lam; of equals the largest or that of least loss, by `ties`.

    Args:
        regs, accuracies: the grid, and the validation accuracy at each of its values.
        ties: as `fit`.
        losses: a function from the lam that tie to the loss of each.

    It warns as `fit` says.

    Example:
        >>> from distill_lib.ridge.selection import chosen
        >>> chosen((0.1, 1.0, 10.0), (0.8, 0.9, 0.9), "loss", losses=lambda regs: [1.0, 2.0])
        1.0
    """
    tied = [
        reg for reg, accuracy in zip(regs, accuracies, strict=True) if accuracy == max(accuracies)
    ]
    best, undecided = max(tied), len(tied) > 1 and max(tied) == max(regs) > min(regs)
    if ties == "loss" or (ties == "auto" and undecided):
        best = -min(zip(losses(tied), (-reg for reg in tied), strict=True))[1]
    at_an_end = min(regs) < max(regs) and (best == max(regs) or best == min(regs) > 0)
    if ties != "largest" and at_an_end:
        warnings.warn(
            f"lam = {best:g} is an end of the grid of {min(regs):g}..{max(regs):g}, so a better "
            "one may lie beyond: extend regs"
            + (
                f"; {len(tied)} values of it have the same validation accuracy, so the loss decided"
                if len(tied) > 1
                else ""
            )
            + ".",
            stacklevel=6,
        )
    elif ties == "auto" and undecided:
        warnings.warn(
            f"{len(tied)} of {len(regs)} values of lam, up to the largest one, have the same "
            f"validation accuracy, {max(accuracies):.4g}: "
            f"the least loss has chosen lam = {best:g}; hold out more samples, or take "
            "validation='leave-one-out'.",
            stacklevel=6,
        )
    return best


def parts(labels, key, val_fraction, validation, candidates):
    """Rows to train on and rows held out, each ascending; never all rows of a class.

    Args: as `fit`, and candidates: how many lam there are to choose from.
    Raises: ValueError as `split`, or where none is held out but lam is to be chosen.
    """
    n = len(labels)
    if validation == "leave-one-out":
        return np.arange(n), np.arange(0)
    train, val = split(n, key, val_fraction)
    if validation == "stratified":
        train, val = _stratified(labels, key, len(val))
    only = np.setdiff1d(labels[val], labels[train], assume_unique=False)
    if len(only):  # of a class that is held out as a whole, the first sample is trained on
        kept = [val[np.argmax(labels[val] == c)] for c in only]
        train, val = np.sort(np.append(train, kept)), np.setdiff1d(val, kept)
    if len(val) == 0 and candidates > 1:
        raise ValueError(
            f"val_fraction = {val_fraction} of {n} samples leaves none to validate on; that part "
            "needs samples "
            "when lam is to be chosen."
        )
    return train, val


def _stratified(labels, key, count):
    """`count` rows held out, of every class its share, the largest remainders rounded up."""
    sizes = np.bincount(labels)
    share = sizes * (count / len(labels))
    held = share.astype(int)
    held[np.argsort(held - share, kind="stable")[: count - held.sum()]] += 1
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(len(labels))
    val = np.concatenate([order[labels[order] == c][:size] for c, size in enumerate(held)])
    return np.setdiff1d(order, val), np.sort(val)


def best(results, regs, ties) -> tuple[float, tuple[float, ...]]:
    """The chosen lam, and the accuracy at each.

    Without any sample that was judged, the one lam that there is.

    Args: results as of `judged` or `left_out`; regs, ties as `chosen`.
    Raises: ValueError where none was held out but there are several lam.
    """
    if results:
        return _best(results, regs, ties)
    if len(regs) > 1:
        raise ValueError("no sample was held out to choose lam by; hold out a larger share.")
    return regs[0], ()


def judged(weights, rows) -> list[tuple[float, float]]:
    """Accuracy and mean squared error of W(lam) on samples held out, for each lam.

    Batch by batch; nothing is kept but counts and sums.

    Args:
        weights: (r, k, p) W(lam) of the other samples for each lam, on the host.
        rows: features and classes of those held out, in batches.
    Returns: a pair for each lam; none without any sample.
    """
    return shares(*counts_held_out(weights, rows))


def shares(n: int, right: np.ndarray, loss: np.ndarray) -> list[tuple[float, float]]:
    """Accuracy and mean squared error for each lam from counts and sums; none without a sample."""
    return list(zip((right / n).tolist(), (loss / n).tolist(), strict=True)) if n else []


def counts_held_out(weights, rows) -> tuple[int, np.ndarray, np.ndarray]:
    """How many samples there are, and for each lam how many are right and their squared errors.

    Args: as `judged`.
    """
    r, k, p = weights.shape
    n, right, loss = 0, np.zeros(r), np.zeros(r)
    for features, truth in rows:
        # One product for all lam, so that the features are read once.
        every = product(np.asarray(features), weights.reshape(r * k, p).T)
        y, n = np.eye(k, dtype=every.dtype)[truth], n + len(truth)
        for i in range(r):
            scores = every[:, i * k : (i + 1) * k]
            right[i] += np.sum(np.argmax(scores, axis=1) == truth)
            loss[i] += np.sum((scores - y) ** 2)
    return n, right, loss


def _rotated(features, path) -> np.ndarray:
    """Features in the eigenbasis of G, computed where they are, on the host."""
    if isinstance(features, np.ndarray):
        return product(features, np.asarray(path.vectors))
    return np.asarray(features @ path.vectors)


def _best(results, regs, ties) -> tuple[float, tuple[float, ...]]:
    accuracies = tuple(accuracy for accuracy, _ in results)
    losses = dict(zip(regs, (loss for _, loss in results), strict=True))
    return chosen(regs, accuracies, ties, lambda tied: [losses[reg] for reg in tied]), accuracies


def left_out(path, rows, regs) -> list[tuple[float, float]]:
    """Accuracy and mean squared error for each lam, each sample judged by all others.

    In the model of all others a fitted row f_i = W phi_i becomes f_i - h_i / (1 - h_i) (y_i - f_i),
    h_i = phi_i^T (G + lam I)^{-1} phi_i: the residual grows by 1 / (1 - h_i). So no model is
    trained again.

    Args:
        path: the `RidgePath` of all samples.
        rows: their features and classes, in batches.
        regs: the grid.
    Returns: a pair for each lam.
    Raises: ValueError where 1 - h_i is lost in rounding.
    """
    return shares(*counts_left_out(path, rows, regs))


def counts_left_out(path, rows, regs) -> tuple[int, np.ndarray, np.ndarray]:
    """As `counts_held_out`, each sample judged by all others.

    Args, Raises: as `left_out`.
    """
    filters = np.stack([path.filter(reg) for reg in regs])
    c, k = np.asarray(path.rotated), len(path.rotated)
    n, right, loss = 0, np.zeros(len(regs)), np.zeros(len(regs))
    for features, truth in rows:
        rotated, n = _rotated(features, path), n + len(truth)
        y, rest = np.eye(k, dtype=rotated.dtype)[truth], 1 - product(rotated**2, filters.T)
        if (lost := (rest <= negligible(path.vectors.shape, rest.dtype)).any(axis=0)).any():
            raise ValueError(
                f"leave-one-out has no digits left at reg = {max(np.array(regs)[lost]):g}, where "
                "the model goes through single samples "
                f"in {rest.dtype}: leave such small values out of "
                f"regs{'' if rest.dtype == np.float64 else ', or compute in float64'}."
            )
        for i, scale in enumerate(filters):
            residual = (y - product(rotated, (c * scale).T)) / rest[:, i : i + 1]
            right[i] += np.sum(np.argmax(y - residual, axis=1) == truth)
            loss[i] += np.sum(residual**2)
    return n, right, loss
