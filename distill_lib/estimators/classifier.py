"""The ridge classifier that distils itself to a few points with plain class labels."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from distill_lib.estimators.base import DistilledLinear
from distill_lib.estimators.solving import Samples
from distill_lib.sets.points import labels_for, with_class_labels
from distill_lib.theory.class_labels import codes


class DistilledRidgeClassifier(ClassifierMixin, DistilledLinear):
    """scikit-learn's `RidgeClassifier`, with a few points that train to the same classifier.

    `fit` finds the coefficients. On the points, with plain class labels,
    `RidgeClassifier(alpha=distilled_alpha_)` finds them again, intercept and all. The points are
    made when they are first asked for; by `fit`, where `n_points`, `distilled_alpha`, `start` or
    `feature_map` is given.

    Args:
        alpha: the ridge parameter.
        alphas: a grid to choose it from; `alpha` is not used then.
        selection: "leave-one-out", each sample judged by the model of all others, exactly, as
            `RidgeClassifierCV` does; or "split", samples held out.
        validation_fraction: the share held out by "split", of every class.
        fit_intercept: whether there is an intercept; it is not penalised.
        class_weight: None, "balanced", or a dict from class to weight.
        feature_map: a `FeatureMap` phi with a right inverse, before the linear model; None for the
            inputs themselves.
        n_points: how many points; None for as few as `distilled_alpha` allows.
        distilled_alpha: alpha to train the points with; None for 1, scikit-learn's default, or the
            largest possible where that is lower. A larger one needs more points.
        start: "mean", points about the mean of the data; "noise", the free part random; "real", it
            is that of random samples of each class.
        random_state: of the split and of the start.

    Attributes:
        coef_, intercept_, classes_: as `RidgeClassifier` has them.
        alpha_: the alpha used.
        distilled_X_, distilled_y_: the points (m, d) and their labels, classes of `classes_`.
        distilled_alpha_: the alpha to train them with.
        distilled_sample_weight_: None; weights where no mean of unweighted points carries b.
        recovery_error_: the relative error of coefficients and intercept after that training.

    After `partial_fit` without all classes seen the distilled set is None.

    Raises: ValueError for parameters, labels or weights that make no sense, one class alone, or a
        `distilled_alpha` above its bound for `n_points`.

    Example:
        >>> from distill_lib.estimators import DistilledRidgeClassifier
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import RidgeClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> model = DistilledRidgeClassifier().fit(x, y)
        >>> few = RidgeClassifier(model.distilled_alpha_)
        >>> few = few.fit(model.distilled_X_, model.distilled_y_)
        >>> len(few.coef_), np.allclose(few.coef_, RidgeClassifier().fit(x, y).coef_)
        (3, True)
    """

    starts = ("mean", "noise", "real")

    def __init__(
        self,
        alpha=1.0,
        *,
        alphas=None,
        selection="leave-one-out",
        validation_fraction=0.1,
        fit_intercept=True,
        class_weight=None,
        feature_map=None,
        n_points=None,
        distilled_alpha=None,
        start="mean",
        random_state=None,
    ):
        super().__init__(
            alpha,
            alphas=alphas,
            selection=selection,
            validation_fraction=validation_fraction,
            fit_intercept=fit_intercept,
            feature_map=feature_map,
            n_points=n_points,
            distilled_alpha=distilled_alpha,
            start=start,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None):
        """Fit the classifier and distil it; samples of weight 0 are left out.

        Args:
            X: (n, d) an array, a data frame or a sparse matrix.
            y: (n,) labels: numbers or strings.
            sample_weight: (n,) at least 0; None for ones.
        """
        self.check_parameters()
        x, y = self.read(X, y)
        check_classification_targets(y)
        x, y, w = self.trained_on(x, y, sample_weight)
        self.classes_, index = np.unique(y, return_inverse=True)
        self._several(self.classes_)
        w = w * compute_sample_weight(self.class_weight, y)
        features = self.features_of(x)
        targets = codes(index, len(self.classes_))
        found = self.solved(Samples(features, targets, w), index)
        self._finish(found, index, w, features)
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Add samples: their statistics add up to those of `fit` on all.

        Args:
            X, y, sample_weight: as `fit`.
            classes: all labels that will come; needed in the first call.
        """
        first = not hasattr(self, "coef_")
        self.check_parameters()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once; give partial_fit a dict, or "
                "sample_weight."
            )
        if self.start == "real":
            raise ValueError("start='real' needs the samples, and partial_fit keeps none.")
        x, y = self.read(X, y, reset=first)
        check_classification_targets(y)
        x, y, w = self.trained_on(x, y, sample_weight)
        if first:
            if classes is None:
                raise ValueError("the first call of partial_fit needs classes, all that will come.")
            self.classes_ = np.unique(classes)
            self._several(self.classes_)
            self._shares = np.zeros(len(self.classes_))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes are not those of the first call, {self.classes_.tolist()}.")
        if not np.isin(y, self.classes_).all():
            new = np.setdiff1d(y, self.classes_)
            raise ValueError(f"y holds the class {new[0]!r}, which is not among classes.")
        index = np.searchsorted(self.classes_, y)
        w = w * compute_sample_weight(self.class_weight, y)
        features = self.features_of(x)
        found = self.added(Samples(features, codes(index, len(self.classes_)), w))
        self._finish(found, index, w, features, self._shares)
        return self

    def _several(self, classes) -> None:
        if len(classes) < 2:
            raise ValueError(
                f"a classifier needs samples of at least 2 classes, but there is one class: "
                f"{classes[0]!r}."
            )

    def _finish(self, found, index, w, features, shares: Any = 0.0) -> None:
        k = len(self.classes_)
        self._shares = shares + np.bincount(index, w, minlength=k)
        model = self.model_of(found)
        self.coef_ = np.asarray(model.weights)
        empty = np.zeros(len(self.coef_))
        self.intercept_ = empty if model.intercept is None else np.asarray(model.intercept)
        samples = (index, features) if self.start == "real" else ()
        self.keep(model, self.wish(None, None), self._shares, *samples)

    def distil(self, model, wish, shares, index=None, features=None):
        """Points with plain class labels, from as many samples of each class; None before all."""
        if not (shares > 0).all():
            return None
        k = len(shares)
        labels = labels_for(k, wish, model)
        if index is not None:
            wish = self.wish(self._of_each_class(index, labels), features)
        made = with_class_labels(model, labels, k, shares, wish)
        return made._replace(labels=self.classes_[made.labels])

    def _of_each_class(self, index, labels):
        """A random sample for each of the labels, none twice where there are enough."""
        rng, rows = check_random_state(self.random_state), np.zeros(len(labels), int)
        for c in np.unique(labels):
            wanted, found = np.flatnonzero(labels == c), np.flatnonzero(index == c)
            rows[wanted] = rng.choice(found, len(wanted), replace=len(found) < len(wanted))
        return rows

    def decision_function(self, X):
        """The scores W phi(x) + b: (n, k), of two classes (n,), above 0 for the second."""
        scores = self.scores_of(X)
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X):
        """The class of the largest score."""
        scores = self.decision_function(X)
        at = (scores > 0).astype(int) if scores.ndim == 1 else np.argmax(scores, axis=1)
        return self.classes_[at]
