"""The model of moments that were read as they came, in the units that it is trained in."""

import warnings

import numpy as np
import scipy.linalg

from distill_lib.making.moments import About, Moments
from distill_lib.making.recipe import Recipe


def chosen(every: Moments, held: Moments, centre, scale, recipe: Recipe) -> float:
    """The lam of least squared error on the rows held out, of the model of the others.

    It warns where that is an end of the grid. The error comes from moments alone: sum ||W x + b -
    y||^2 = tr(W G W^T) - 2 tr(W C^T) + sum ||y||^2, with G and C about the point at which the model
    gives what it gives at 0.
    """
    if len(recipe.lam) == 1:
        return float(recipe.lam[0])
    rest = every.without(held)
    values, vectors, rotated = _path(_moments(rest, centre, scale, recipe))
    point = (rest.mean_x, rest.mean_y) if recipe.intercept else (centre, 0.0)
    about = _scaled(held.about(*point), scale)
    gram, cross = vectors.T @ about.gram @ vectors, about.cross @ vectors
    losses = []
    for lam in recipe.lam:
        w = rotated * _filter(values, lam)
        losses.append(float(np.vdot(w @ gram, w) - 2 * np.vdot(w, cross)))
    best = float(recipe.lam[int(np.argmin(losses))])
    if best in (min(recipe.lam), max(recipe.lam)):
        warnings.warn(
            f"lam = {best:g} is an end of the grid of {min(recipe.lam):g}..{max(recipe.lam):g}, "
            "so a better one may lie beyond: extend lam.",
            stacklevel=3,
        )
    return best


def model_at(seen: Moments, centre, scale, lam: float, recipe: Recipe):
    """W (k, p), b (k,) or None, and the mean and the spread of the inputs, for t (x - c) as x."""
    about = _moments(seen, centre, scale, recipe)
    values, vectors, rotated = _path(about)
    w = (rotated * _filter(values, lam)) @ vectors.T
    mean = scale * (seen.mean_x - centre)
    spread = float(np.sum(np.diag(seen.gram) * np.square(scale)) / seen.n)
    return w, seen.mean_y - w @ mean if recipe.intercept else None, mean, spread


def _moments(seen: Moments, centre, scale, recipe: Recipe) -> About:
    point = (seen.mean_x, seen.mean_y) if recipe.intercept else (centre, 0.0)
    return _scaled(seen.about(*point), scale)


def _scaled(about: About, scale) -> About:
    if np.ndim(scale) == 0:
        return about
    return About(about.gram * np.outer(scale, scale), about.cross * scale, about.square)


def _path(about: About):
    """Eigenvalues and eigenvectors of G, and C in their basis."""
    values, vectors = scipy.linalg.eigh(about.gram, driver="evd")
    return np.clip(values, 0, None), vectors, about.cross @ vectors


def _filter(values, lam: float):
    kept = (values > len(values) * np.finfo(values.dtype).eps * values[-1]) | (lam > 0)
    return np.where(kept, 1 / np.where(kept, values + lam, 1), 0)
