"""Ridge regression that distils itself to a few points with targets of their own."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state

from distill_lib.estimators.base import DistilledLinear
from distill_lib.estimators.solving import Samples
from distill_lib.sets.points import with_targets

DRAWS = 20  # of real samples, until their differences span the model


class DistilledRidge(RegressorMixin, DistilledLinear):
    """scikit-learn's `Ridge`, with a few points that train to the same model.

    The points are made when they are first asked for; by `fit`, where `n_points`,
    `distilled_alpha`, `start` or `feature_map` is given.

    One target or many; several labels at once are a matrix of zeros and ones. A model of rank r,
    which is at most the number of targets, needs r + 1 points, r without an intercept.

    Args:
        alpha, alphas, selection, validation_fraction: the ridge parameter and how it is chosen, as
            `DistilledRidgeClassifier`.
        fit_intercept, feature_map: as there.
        n_points: how many points; None for as few as there can be.
        distilled_alpha: alpha to train the points with; None for 1, scikit-learn's default.
        start: "mean", points about the mean of the data; "real", the points nearest to random
            samples (`nearest_affine_set`).
        random_state: of the split and of the samples.

    Attributes:
        coef_, intercept_: as `Ridge` has them.
        alpha_: the alpha used.
        distilled_X_, distilled_y_: the points (m, d) and their targets, (m,) or (m, k).
        distilled_alpha_: the alpha to train them with.
        distilled_sample_weight_: None.
        recovery_error_: the relative error of coefficients and intercept after that training.

    Raises: ValueError for parameters or weights that make no sense, or too few `n_points`.

    Example:
        >>> from distill_lib.estimators import DistilledRidge
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> x, y = load_diabetes(return_X_y=True)
        >>> model = DistilledRidge().fit(x, y)
        >>> few = Ridge().fit(model.distilled_X_, model.distilled_y_)
        >>> len(model.distilled_X_), np.allclose(few.coef_, Ridge().fit(x, y).coef_)
        (2, True)
    """

    starts = ("mean", "real")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Fit the model and distil it; samples of weight 0 are left out.

        Args:
            X: (n, d) an array, a data frame or a sparse matrix.
            y: (n,) or (n, k) targets.
            sample_weight: (n,) at least 0; None for ones.
        """
        samples, flat = self._samples(X, y, sample_weight, True)
        self._finish(self.solved(samples), samples.features, flat)
        return self

    def partial_fit(self, X, y, sample_weight=None):
        """Add samples: their statistics add up to those of `fit` on all.

        Args: as `fit`.
        """
        if self.start == "real":
            raise ValueError("start='real' needs the samples, and partial_fit keeps none.")
        samples, flat = self._samples(X, y, sample_weight, not hasattr(self, "coef_"))
        if hasattr(self, "coef_") and np.shape(self.intercept_) != (
            () if flat else (samples.targets.shape[1],)
        ):
            raise ValueError("y has another number of targets than in the calls before.")
        self._finish(self.added(samples), samples.features, flat)
        return self

    def _samples(self, X, y, sample_weight, reset):
        self.check_parameters()
        x, y = self.read(X, y, reset=reset, multi_output=True, y_numeric=True)
        x, y, w = self.trained_on(x, y, sample_weight)
        targets = np.asarray(y, np.float64).reshape(len(y), -1)
        return Samples(self.features_of(x), targets, w), y.ndim == 1

    def _finish(self, found, features, flat) -> None:
        model = self.model_of(found)
        w, k = np.asarray(model.weights), len(model.weights)
        b = np.zeros(k) if model.intercept is None else np.asarray(model.intercept)
        self.coef_ = w[0] if flat else w
        self.intercept_ = float(b[0]) if flat else b
        samples = (features,) if self.start == "real" else ()
        self.keep(model, self.wish(None, None), flat, *samples)

    def distil(self, model, wish, flat, features=None):
        """Points with targets of their own, near samples where features are given."""
        made = None if features is None else self._near_real(model, features)
        made = made or with_targets(model, wish)
        return made._replace(labels=made.labels[:, 0]) if flat else made

    def _near_real(self, model, features):
        """Points near random samples, drawn again where some do not differ enough to span W."""
        rng, n = check_random_state(self.random_state), features.shape[0]
        rank = int(np.linalg.matrix_rank(np.asarray(model.weights)))
        least = max(rank + bool(self.fit_intercept), 1)
        count = least if self.n_points is None else int(self.n_points)
        for last in range(DRAWS, -1, -1):
            rows = rng.choice(n, count, replace=n < count)
            try:
                return with_targets(model, self.wish(rows, features))
            except ValueError:
                if not last or count < least:
                    raise
        return None

    def predict(self, X):
        """W phi(x) + b: (n,) or (n, k), as the targets were."""
        return self.scores_of(X)
