"""What the classifier and the regressor share: parameters, samples, the choice of alpha."""

from functools import cached_property

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from distill_lib.boundary import checks
from distill_lib.estimators.solving import ByFeatures, Samples, Solver, solver
from distill_lib.estimators.statistics import BATCH, CentredStats
from distill_lib.sets.points import Model, Points, Wish

SELECTIONS = ("leave-one-out", "split")


class DistilledLinear(BaseEstimator):
    """Ridge regression that is fitted by statistics, and distils itself; the base of both."""

    starts: tuple[str, ...] = ()

    def __init__(
        self,
        alpha=1.0,
        *,
        alphas=None,
        selection="leave-one-out",
        validation_fraction=0.1,
        fit_intercept=True,
        feature_map=None,
        n_points=None,
        distilled_alpha=None,
        start="mean",
        random_state=None,
    ):
        self.alpha = alpha
        self.alphas = alphas
        self.selection = selection
        self.validation_fraction = validation_fraction
        self.fit_intercept = fit_intercept
        self.feature_map = feature_map
        self.n_points = n_points
        self.distilled_alpha = distilled_alpha
        self.start = start
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.feature_map is None
        return tags

    def check_parameters(self) -> None:
        """Raise ValueError for a parameter that makes no sense, before anything is computed."""
        for name, value in (("alpha", self.alpha), ("distilled_alpha", self.distilled_alpha)):
            if value is not None or name == "alpha":
                checks.reg(name, value)
        if self.alphas is not None:
            if np.ndim(self.alphas) != 1 or not len(self.alphas):
                raise ValueError(f"alphas = {self.alphas!r} is no grid; give a list of values.")
            for value in self.alphas:
                checks.reg("alphas", value)
        for name, known in (("selection", SELECTIONS), ("start", self.starts)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(known)}."
                )
        count = self.n_points
        if count is not None and not (checks.number(count) and count == int(count) and count > 0):
            raise ValueError(f"n_points = {count!r} is no number of points.")

    def trained_on(self, x, y, sample_weight):
        """The samples with a weight above 0, and their weights as floats."""
        w = check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        if sample_weight is None or (kept := w > 0).all():
            return x, y, w  # no copy
        return x[kept], y[kept], w[kept]

    def features_of(self, x):
        """phi of validated inputs; themselves without a map."""
        phi = self.feature_map
        if phi is None:
            return x
        checks.shaped("X", x, (None, phi.dim_in))
        parts = [phi(jnp.asarray(x[i : i + BATCH])) for i in range(0, len(x), BATCH)]
        return np.concatenate([np.asarray(part, np.float64) for part in parts])

    def read(self, x, y, reset=True, **options):
        """X and y as scikit-learn validates them, in double precision."""
        sparse = "csr" if self.feature_map is None else False
        return validate_data(
            self, x, y, accept_sparse=sparse, dtype=np.float64, reset=reset, **options
        )

    def solved(self, samples: Samples, strata=None) -> Solver:
        """The solver of all samples; sets `alpha_`, chosen by it or by samples held out."""
        found, self._stats = solver(samples, self.fit_intercept)
        self.alpha_ = float(self.alpha)
        if self.alphas is not None:
            grid = [float(alpha) for alpha in self.alphas]
            if self.selection == "split":
                losses = self._held_out(samples, grid, strata)
            else:
                losses = found.left_out(samples, grid)
            self.alpha_ = grid[int(np.argmin(losses))]
        return found

    def _held_out(self, samples, grid, strata):
        train, held = train_test_split(
            np.arange(len(samples.weights)),
            test_size=self.validation_fraction,
            random_state=check_random_state(self.random_state),
            stratify=strata,
        )
        at, _ = solver(samples.of(train), self.fit_intercept)
        f, y, w = samples.of(held)
        losses = []
        for alpha in grid:
            weights = at.weights(alpha)
            error = (f @ weights.T - at.mean_x @ weights.T) - (y - at.mean_y)
            losses.append(w @ (np.asarray(error) ** 2).sum(axis=1))
        return losses

    def added(self, samples: Samples) -> Solver:
        """The solver of all samples so far, by their statistics; sets `alpha_`.

        Raises: ValueError for a grid, or after a fit of fewer samples than features.
        """
        if self.alphas is not None:
            raise ValueError(
                "partial_fit keeps statistics and no samples, so it cannot choose from alphas; "
                "choose by fit on a part, and give alpha."
            )
        stats = CentredStats.of(*samples, self.fit_intercept)
        if hasattr(self, "coef_"):
            if self._stats is None:
                raise ValueError(
                    "the last fit had fewer samples than features and kept no statistics to add "
                    "to; begin with partial_fit instead."
                )
            stats = self._stats + stats
        self._stats, self.alpha_ = stats, float(self.alpha)
        return ByFeatures(stats)

    def model_of(self, found: Solver) -> Model:
        """W and b at `alpha_`, for the points."""
        w = found.weights(self.alpha_)
        b = found.mean_y - w @ found.mean_x if self.fit_intercept else None
        as_jax = None if b is None else jnp.asarray(b)
        return Model(
            jnp.asarray(w), as_jax, jnp.asarray(found.mean_x), found.spread, self.feature_map
        )

    def wish(self, rows, features) -> Wish:
        """What the points are to be; `rows` are those of real samples to begin at, or None."""
        real = None
        if rows is not None:
            real = features[rows]
            real = jnp.asarray(real.toarray() if sp.issparse(real) else real)
        count = None if self.n_points is None else int(self.n_points)
        rng = check_random_state(self.random_state) if self.start == "noise" else None
        return Wish(count, self.distilled_alpha, real, rng)

    def keep(self, *made_of) -> None:
        """Keep what the distilled set is made of; make it where a wish about it may be refused."""
        self.__dict__.pop("_distilled", None)
        self._made_of = made_of
        asked = self.n_points, self.distilled_alpha, self.feature_map
        if self.start != "mean" or any(one is not None for one in asked):
            self._distilled  # noqa: B018 - made, and refused if it has to be

    @cached_property
    def _distilled(self) -> Points | None:
        check_is_fitted(self)
        made = self.distil(*self._made_of)
        self._made_of = ()  # samples are not kept
        return made

    def distil(self, *made_of) -> Points | None:
        """The distilled set, of what `keep` was given; None where there is none yet."""
        raise NotImplementedError("the classifier and the regressor make their own")

    def _of_set(self, name: str, otherwise=None):
        return otherwise if self._distilled is None else getattr(self._distilled, name)

    @property
    def distilled_X_(self):
        """The points (m, d)."""
        return self._of_set("points")

    @property
    def distilled_y_(self):
        """Their labels or targets."""
        return self._of_set("labels")

    @property
    def distilled_alpha_(self):
        """The alpha to train them with."""
        return self._of_set("alpha", np.nan)

    @property
    def distilled_sample_weight_(self):
        """Their weights, or None."""
        return self._of_set("sample_weight")

    @property
    def recovery_error_(self):
        """The relative error of the model that they train to."""
        return self._of_set("error", np.nan)

    def scores_of(self, x):
        """W phi(x) + b, of the shape that `coef_` and `intercept_` give."""
        check_is_fitted(self)
        sparse = "csr" if self.feature_map is None else False
        x = validate_data(self, x, accept_sparse=sparse, dtype=np.float64, reset=False)
        return np.asarray(self.features_of(x) @ self.coef_.T) + self.intercept_
