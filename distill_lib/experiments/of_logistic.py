"""What logistic regression learns from vectors that are made for ridge regression."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from distill_lib.experiments.probes import Probe, Row, small_set
from distill_lib.images.sampling import balanced_sample
from distill_lib.theory.closed_form import max_reg, support_features

CS = (1e-4, 1e-2, 1.0, 1e2, 1e4)  # 1 / penalty, tried


def of_logistic(found: Probe, share: float, rows: int, draws: int = 3) -> list[Row]:
    """Accuracy of logistic regression on few vectors, and how often it answers as either probe.

    On vectors with small roots the penalty is strong, C times their mean square 1e-4. For the
    others C is the one that is best on training embeddings; with all of these it is 1. The probe of
    all embeddings has no intercept, so that it is a W, which a set can be made for.

    Args:
        share: lam_S of the sets with small roots, as a share of its largest value.
        rows: training embeddings of "all", and as many to choose C by.
        draws: of one real embedding a class.
    """
    every = np.sort(np.random.default_rng(1).permutation(len(found.x))[:rows])
    val, classes = (found.x[every], found.y[every]), np.arange(found.classes)
    whole = _fitted(*val, 1.0, fit_intercept=False)
    of_whole = share * max_reg(jnp.asarray(whole.coef_))
    sets = {
        "vectors of the ridge probe, roots +": [small_set(found).points],
        "vectors of the ridge probe, roots −": [small_set(found, share, "-").points],
        "vectors of the logistic probe, roots −": [
            support_features(jnp.asarray(whole.coef_), of_whole, "-")
        ],
        "one real embedding a class": [
            found.x[balanced_sample(jax.random.key(d), found.y, found.classes, found.classes)]
            for d in range(draws)
        ],
    }
    answers, made = whole.predict(found.tests), []
    for name, each in sets.items():
        tried = CS[:1] if name.endswith("roots −") else CS
        told = [
            _told(found, _best(np.asarray(points), classes, *val, tried, found.tests), answers)
            for points in each
        ]
        mean = {key: float(np.mean([row[key] for row in told])) for key in told[0]}
        made.append({"trained on": name, "images": found.classes, **mean})
    return [
        *made,
        {"trained on": "all embeddings", "images": rows} | _told(found, answers, answers),
    ]


def _told(found: Probe, answers, of_logistic) -> Row:
    same = float(np.mean(answers == of_logistic))
    return found.compared(answers) | {"as the logistic probe": same}


def _fitted(x, y, c: float, **options: Any) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes")  # one point of each
        return LogisticRegression(C=c, tol=1e-7, max_iter=200, **options).fit(x, y)


def _best(x, y, x_val, y_val, tried, tests) -> Int[np.ndarray, " t"]:
    """The answers of the fit whose C has the best accuracy on other rows, the smallest of equals.

    All embeddings are divided by the points' root mean square length. The outputs stay what they
    are, if C is multiplied by its square; a solver's tolerance does not know short points.
    """
    size = float(np.sqrt(np.mean(np.sum(x**2, axis=1))))
    fits = [_fitted(x / size, y, c) for c in tried]
    best = int(np.argmax([one.score(x_val / size, y_val) for one in fits]))
    return fits[best].predict(tests / size)
