"""Agreement with scikit-learn's ridge models, its ways of use, and the distilled sets."""

import pickle

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from helpers import matrix, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import distill_lib as dl
from distill_lib.estimators import DistilledRidge, DistilledRidgeClassifier
from distill_lib.estimators.statistics import CentredStats

FEW = settings(max_examples=15)
IRIS = load_iris(return_X_y=True)


def tables(rng, n, p, k, kind):
    """Features with what is hard about some, classes with all of k, weights."""
    truth = np.append(np.arange(k), rng.integers(0, k, n - k))
    x = rng.normal(size=(n, p)) + rng.normal(size=(k, p))[truth]
    if kind == "constant":
        x[:, 0] = 7.0
    if kind == "collinear":
        x[:, 1] = 2 * x[:, 0] - 3
    if kind == "far":
        x += 1e4
    return x, truth, rng.uniform(0.2, 3, n)


def near(a, b, rtol=1e-8):
    return np.allclose(a, b, rtol=rtol, atol=rtol * (np.abs(b).max() + 1e-3))


def taught(model, alpha):
    """scikit-learn's own class, fitted on the distilled set."""
    kind = RidgeClassifier if isinstance(model, DistilledRidgeClassifier) else Ridge
    few = kind(alpha=alpha, fit_intercept=model.fit_intercept)
    return few.fit(model.distilled_X_, model.distilled_y_, model.distilled_sample_weight_)


cases = st.tuples(
    seeds,
    st.sampled_from(((40, 6), (9, 15))),  # n > p and n < p
    st.sampled_from((2, 3)),
    st.sampled_from(("plain", "constant", "collinear", "far")),
    st.booleans(),
    st.booleans(),
    st.sampled_from((0.03, 1.0, 30.0)),
    st.sampled_from((None, "balanced", {0: 3.0})),
)


@given(cases)
def test_the_classifier_is_scikit_learns_and_so_is_that_of_its_points(case):
    seed, (n, p), k, kind, weighted, intercept, alpha, class_weight = case
    x, y, w = tables(np.random.default_rng(seed), n, p, k, kind)
    options = {"alpha": alpha, "fit_intercept": intercept, "class_weight": class_weight}
    w = w if weighted else None
    theirs = RidgeClassifier(solver="svd", **options).fit(x, y, w)
    ours = DistilledRidgeClassifier(**options).fit(x, y, w)
    loss = 1e-5 if kind == "far" else 1e-8
    assert near(ours.coef_, theirs.coef_, loss)
    assert near(ours.decision_function(x), theirs.decision_function(x), loss)
    assert ours.recovery_error_ < 1e-7
    assert ours.distilled_alpha_ <= 1
    few = taught(ours, ours.distilled_alpha_)
    # How far data lie from their mean says what rounding of a point does to its score.
    assert near(
        few.decision_function(x), ours.decision_function(x), 1e-4 if kind == "far" else 1e-7
    )
    assert sorted(set(ours.distilled_y_)) == list(range(k))


@given(cases, st.sampled_from((1, 2, 4)))
def test_the_regression_is_scikit_learns_and_so_is_that_of_its_points(case, k):
    seed, (n, p), _, kind, weighted, intercept, alpha, _ = case
    rng = np.random.default_rng(seed)
    x, _, w = tables(rng, n, p, 2, kind)
    y = x @ rng.normal(size=(p, k)) + rng.normal(size=(n, k)) + 5
    y = y[:, 0] if k == 1 else y
    w = w if weighted else None
    theirs = Ridge(alpha=alpha, fit_intercept=intercept, solver="svd").fit(x, y, w)
    ours = DistilledRidge(alpha, fit_intercept=intercept).fit(x, y, w)
    loss = 1e-5 if kind == "far" else 1e-8
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_) or not intercept
    assert near(ours.coef_, theirs.coef_, loss)
    assert near(ours.predict(x), theirs.predict(x), loss)
    assert ours.recovery_error_ < 1e-7
    assert len(ours.distilled_X_) == min(k, p, n - 1) + intercept
    assert ours.distilled_y_.shape[1:] == y.shape[1:]
    assert near(taught(ours, 1.0).predict(x), ours.predict(x), 1e-4 if kind == "far" else 1e-7)


@given(seeds, st.sampled_from(((40, 6), (9, 15))), st.booleans(), st.booleans(), st.booleans())
def test_leave_one_out_chooses_what_scikit_learn_chooses(seed, shape, weighted, intercept, sparse):
    rng = np.random.default_rng(seed)
    x, y, w = tables(rng, *shape, 3, "plain")
    grid, w = tuple(np.geomspace(0.1, 100, 13)), w if weighted else None
    given_ = sp.csr_array(x) if sparse else x
    for theirs, ours, target in (
        (RidgeClassifierCV, DistilledRidgeClassifier, y),
        (
            RidgeCV,
            DistilledRidge,
            x @ rng.normal(size=(x.shape[1], 2)) + rng.normal(size=(len(x), 2)),
        ),
    ):
        a = theirs(alphas=grid, fit_intercept=intercept).fit(x, target, w)
        b = ours(alphas=grid, fit_intercept=intercept).fit(given_, target, w)
        assert b.alpha_ == a.alpha_
        assert near(b.coef_, a.coef_)
        codes = 2 * np.eye(3)[target] - 1 if target.ndim == 1 else target
        by_hand = [leave_one_out(alpha, intercept, x, codes, w) for alpha in grid]
        assert b.alpha_ == grid[int(np.argmin(by_hand))]


def leave_one_out(alpha, intercept, x, y, w):
    """The definition: every sample judged by the model of all others, by its normal equations."""
    total, everyone = 0.0, np.arange(len(x))
    w = np.ones(len(x)) if w is None else w
    for i in everyone:
        rest = everyone != i
        means = [intercept * np.average(part[rest], 0, w[rest]) for part in (x, y)]
        a, b = x[rest] - means[0], y[rest] - means[1]
        weighted = a.T * w[rest]
        slope = np.linalg.solve(weighted @ a + alpha * np.eye(x.shape[1]), weighted @ b)
        total += w[i] * np.sum(((x[i] - means[0]) @ slope + means[1] - y[i]) ** 2)
    return total


@FEW
@given(seeds, st.sampled_from((DistilledRidgeClassifier, DistilledRidge)), st.booleans())
def test_a_split_chooses_what_is_best_on_it_and_trains_on_all(seed, kind, sparse):
    rng = np.random.default_rng(seed)
    x, y, w = tables(rng, 60, 5, 2, "plain")
    grid = (1e-3, 1.0, 1e3, 1e5)
    model = kind(alphas=grid, selection="split", validation_fraction=0.3, random_state=seed % 1000)
    model.fit(sp.csc_array(x) if sparse else x, y, w)
    assert model.alpha_ in grid
    assert model.alpha_ < 1e5
    assert near(model.coef_, kind(model.alpha_).fit(x, y, w).coef_)
    again = clone(model).fit(x, y, w)
    assert again.alpha_ == model.alpha_
    if kind is DistilledRidge:
        train, held = train_test_split(np.arange(60), test_size=0.3, random_state=seed % 1000)
        fits = [Ridge(alpha, solver="svd").fit(x[train], y[train], w[train]) for alpha in grid]
        losses = [w[held] @ (fit.predict(x[held]) - y[held]) ** 2 for fit in fits]
        assert model.alpha_ == grid[int(np.argmin(losses))]


@FEW
@given(seeds, st.booleans(), st.booleans(), st.integers(1, 30), st.booleans())
def test_statistics_of_parts_add_up(seed, weighted, intercept, cut, sparse):
    rng = np.random.default_rng(seed)
    x, y, w = tables(rng, 40, 6, 3, "constant")
    w = w if weighted else np.ones(40)
    for whole, target, first in (
        (DistilledRidgeClassifier(fit_intercept=intercept), y, {"classes": [0, 1, 2]}),
        (DistilledRidge(fit_intercept=intercept), x[:, 1:3] + 2, {}),
    ):
        part = clone(whole)
        for rows in (slice(0, cut), slice(cut, 35), slice(35, 40)):
            given_ = sp.csr_array(x[rows]) if sparse else x[rows]
            part.partial_fit(given_, target[rows], sample_weight=w[rows], **first)
        whole.fit(x, target, w)
        assert near(part.coef_, whole.coef_)
        assert near(part.intercept_, whole.intercept_)
        assert near(part.distilled_X_, whole.distilled_X_, 1e-6)
        # And after a fit.
        half = clone(whole).fit(x[:20], target[:20], w[:20])
        assert near(half.partial_fit(x[20:], target[20:], sample_weight=w[20:]).coef_, whole.coef_)


@given(seeds, st.integers(1, 20))
def test_statistics_keep_their_digits_far_from_zero(seed, cut):
    rng = np.random.default_rng(seed)
    x, y, w = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), rng.uniform(0.1, 2, 30)
    still = CentredStats.of(x, y, w)
    far = CentredStats.of(x[:cut] + 1e8, y[:cut], w[:cut])
    far = far + CentredStats.of(x[cut:] + 1e8, y[cut:], w[cut:])
    assert near(far.gram, still.gram, 1e-6)
    assert near(far.cross, still.cross, 1e-6)


@FEW
@given(seeds, st.sampled_from(((40, 6), (9, 15))), st.sampled_from((sp.csr_array, sp.csc_matrix)))
def test_sparse_input_gives_the_same_and_stays_sparse(seed, shape, kind):
    rng = np.random.default_rng(seed)
    x, y, w = tables(rng, *shape, 3, "plain")
    x *= rng.random(x.shape) < 0.4
    for model in (
        DistilledRidgeClassifier(start="real"),
        DistilledRidge(start="real"),
        DistilledRidge(),
    ):
        model.set_params(random_state=0)
        dense, sparse = clone(model).fit(x, y, w), clone(model).fit(kind(x), y, w)
        assert near(sparse.coef_, dense.coef_)
        assert near(sparse.predict(kind(x)), dense.predict(x))
        assert near(sparse.distilled_X_, dense.distilled_X_, 1e-6)


@pytest.mark.parametrize("shape", [(3000, 40), (60, 20_000)])
def test_no_sparse_input_is_made_dense(shape, monkeypatch):
    """Whatever becomes dense has at most n x n or p x p entries, whichever is less, or a few rows."""
    rng = np.random.default_rng(0)
    x = sp.random_array(shape, density=0.01, rng=rng, format="csr")
    y = np.arange(shape[0]) % 3
    seen, dense = [], sp.csr_array.toarray

    def watched(self, *args, **kwargs):
        seen.append(self.shape)
        return dense(self, *args, **kwargs)

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    DistilledRidgeClassifier(start="real", alphas=[1.0, 10.0], random_state=0).fit(x, y)
    assert all(rows <= min(shape) for rows, _ in seen)
    assert shape not in seen


def test_labels_may_be_strings_or_any_numbers():
    x, y = load_iris(return_X_y=True)
    plain = DistilledRidgeClassifier().fit(x, y)
    for names in (np.array(["zebra", "ant", "bee"]), np.array([40, -3, 7])):
        model = DistilledRidgeClassifier().fit(x, names[y])
        assert model.classes_.tolist() == sorted(names)
        assert model.score(x, names[y]) == plain.score(x, y)
        few = taught(model, model.distilled_alpha_)
        assert np.array_equal(few.predict(x), model.predict(x))
        assert set(model.distilled_y_) == set(names)


def test_a_data_frame_keeps_its_names():
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    model = DistilledRidge().fit(x, y)
    assert model.feature_names_in_.tolist() == x.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(x[x.columns[::-1]])
    assert near(model.predict(x), Ridge().fit(x, y).predict(x))


def test_it_works_in_a_pipeline_and_in_a_search():
    x, y = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), DistilledRidgeClassifier())
    search = GridSearchCV(pipe, {"distilledridgeclassifier__alpha": [0.1, 10.0]}, cv=3).fit(x, y)
    theirs = make_pipeline(StandardScaler(), RidgeClassifier())
    theirs.set_params(ridgeclassifier__alpha=search.best_estimator_[-1].alpha)
    assert np.allclose(search.best_score_, cross_val_score(theirs, x, y, cv=3).mean())
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert np.array_equal(again.predict(x), search.predict(x))
    assert clone(pipe).get_params()["distilledridgeclassifier__alpha"] == 1.0


def test_several_labels_at_once():
    x, y = load_iris(return_X_y=True)
    indicator = np.column_stack([y == 1, x[:, 0] > 6, x[:, 1] > 3]).astype(float)
    model = DistilledRidge(0.1).fit(x, indicator)
    few = taught(model, model.distilled_alpha_)
    assert len(model.distilled_X_) == 4
    assert np.array_equal(few.predict(x) > 0.5, model.predict(x) > 0.5)


@pytest.mark.parametrize("start", ["mean", "noise", "real"])
def test_the_points_are_as_many_as_wished_and_no_more_than_needed(start):
    x, y = load_digits(return_X_y=True)
    x = x / 16
    free = DistilledRidgeClassifier(start=start, random_state=0).fit(x, y)
    assert len(free.distilled_X_) == 10
    assert free.distilled_alpha_ < 1
    more = clone(free).set_params(n_points=35).fit(x, y)
    assert len(more.distilled_X_) == 35
    for model in (free, more):
        assert near(taught(model, model.distilled_alpha_).coef_, free.coef_)
    # scikit-learn's default alpha, with as many points as it takes.
    if start == "mean":
        default = clone(free).set_params(distilled_alpha=1.0).fit(x, y)
        number = len(default.distilled_X_)
        assert number % 10 == 0
        assert near(taught(default, 1.0).coef_, RidgeClassifier().fit(x, y).coef_)
        with pytest.raises(ValueError, match="is above 1 /"):
            default.set_params(n_points=number - 10).fit(x, y)
    with pytest.raises(ValueError, match="below the number of classes"):
        clone(free).set_params(n_points=9).fit(x, y)


def test_real_starts_lie_near_the_data():
    x, y = load_digits(return_X_y=True)
    near_ = DistilledRidge(start="real", n_points=40, random_state=3).fit(x, np.eye(10)[y])
    far = DistilledRidge(n_points=40).fit(x, np.eye(10)[y])
    distance = [
        np.linalg.norm(x[:, None] - model.distilled_X_, axis=2).min(axis=0).mean()
        for model in (near_, far)
    ]
    assert distance[0] < distance[1] / 10
    assert near(taught(near_, 1.0).coef_, near_.coef_)


@FEW
@given(seeds)
def test_real_samples_far_from_zero_begin_a_set_of_class_labels(seed):
    rng = np.random.default_rng(seed)
    x, y, _ = tables(rng, 40, 12, 3, "far")
    model = DistilledRidgeClassifier(start="real", n_points=6, random_state=0).fit(x, y)
    assert model.recovery_error_ < 1e-7
    # Their differences are of rank 5; a sixth direction of rounding in Z would leave no alpha.
    assert model.distilled_alpha_ > 1e-4


MAPS = {
    "fcnn": lambda d: dl.FullyConnected.random(jax.random.key(0), (d, d), slope=0.3),
    "rff": lambda d: dl.RandomFourier.random(jax.random.key(1), d, d - 1, 40.0),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", [DistilledRidgeClassifier, DistilledRidge])
def test_any_feature_map_that_can_be_inverted(name, kind):
    x, y = load_iris(return_X_y=True)
    phi = MAPS[name](4)
    model = kind(0.1, feature_map=phi).fit(x, y)
    features = np.asarray(phi(x))
    theirs = (RidgeClassifier if kind is DistilledRidgeClassifier else Ridge)(0.1).fit(features, y)
    assert near(model.predict(x), theirs.predict(features))
    assert model.recovery_error_ < 1e-7
    again = clone(theirs).set_params(alpha=model.distilled_alpha_)
    again.fit(np.asarray(phi(model.distilled_X_)), model.distilled_y_)
    assert near(again.coef_, theirs.coef_, 1e-6)
    assert model.distilled_X_.shape[1] == 4


@pytest.mark.parametrize("kind", [DistilledRidgeClassifier, DistilledRidge])
def test_features_outside_the_range_of_a_map_are_drawn_into_it(kind):
    """A weak model asks for points far from the mean; a cosine goes no farther than 1."""
    phi = dl.RandomFourier.random(jax.random.key(1), 4, 3, 0.5)
    x, y = IRIS
    y = y if kind is DistilledRidgeClassifier else np.eye(3)[y]
    model = kind(1e3, feature_map=phi).fit(x, y)
    assert model.recovery_error_ < 1e-7
    limit = np.sqrt(2 / 3)
    assert np.abs(phi(model.distilled_X_)).max() <= limit * (1 + 1e-9)
    # Features themselves as the inputs are not bounded, and leave the range.
    free = kind(1e3).fit(np.asarray(phi(x)), y)
    assert np.abs(free.distilled_X_).max() > limit


def test_a_map_without_an_inverse_is_refused():
    wide = dl.FullyConnected.random(jax.random.key(0), (4, 8))
    with pytest.raises(ValueError, match="no right inverse"):
        DistilledRidge(feature_map=wide).fit(*load_iris(return_X_y=True))


def test_unequal_shares_are_weights_where_no_mean_is_found():
    """A constant feature trains nothing: only the training set's shares carry b."""
    x, y = np.ones((30, 2)), np.arange(30) % 5 // 2
    model = DistilledRidgeClassifier().fit(x, y)
    assert not model.coef_.any()
    weights = np.bincount(model.distilled_y_, model.distilled_sample_weight_)
    assert np.allclose(weights / weights.sum(), np.bincount(y) / 30)
    assert near(taught(model, 1.0).intercept_, model.intercept_)


def test_real_samples_are_drawn_again_until_they_differ():
    """Of fifty samples two are not the same; a model has to be spanned by two that are drawn."""
    x = np.zeros((50, 3))
    x[:6] = np.random.default_rng(0).normal(size=(6, 3)) + 1
    model = DistilledRidge(start="real", random_state=0).fit(x, x.sum(axis=1))
    assert near(taught(model, 1.0).coef_, model.coef_)
    with pytest.raises(ValueError, match=r"m >= rank\(W\) \+ 1"):
        DistilledRidge(start="real", n_points=1).fit(x, x.sum(axis=1))


def test_a_class_without_weight_is_left_out():
    x, y = IRIS
    part = DistilledRidgeClassifier().fit(x, y, y != 2)
    assert part.classes_.tolist() == [0, 1]
    assert near(part.coef_, RidgeClassifier().fit(x[y != 2], y[y != 2]).coef_)


def test_classes_that_have_not_come_leave_no_set_yet():
    x, y = load_iris(return_X_y=True)
    model = DistilledRidgeClassifier().partial_fit(x[:60], y[:60], classes=[0, 1, 2])
    assert model.distilled_X_ is None
    assert np.isnan(model.recovery_error_)
    model.partial_fit(x[60:], y[60:])
    assert near(model.distilled_X_, DistilledRidgeClassifier().fit(x, y).distilled_X_, 1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha = -1.0 is not a ridge parameter"),
        ({"alphas": []}, "is no grid"),
        ({"alphas": [1.0, -2.0]}, "alphas = -2.0"),
        ({"start": "nearest"}, "start is 'nearest'; it must be one of mean, noise, real"),
        ({"selection": "gcv"}, "it must be one of leave-one-out, split"),
        ({"n_points": 2.5}, "is no number of points"),
        ({"distilled_alpha": np.nan}, "distilled_alpha = nan"),
        ({"feature_map": dl.Linear(7)}, r"X has shape \(150, 4\)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        DistilledRidgeClassifier(**options).fit(*IRIS)


def test_partial_fit_says_what_it_cannot():
    x, y = IRIS
    for options, message in (
        ({"alphas": [1.0, 2.0]}, "cannot choose from alphas"),
        ({"class_weight": "balanced"}, "needs all labels at once"),
        ({"start": "real"}, "keeps none"),
    ):
        with pytest.raises(ValueError, match=message):
            DistilledRidgeClassifier(**options).partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="needs classes"):
        DistilledRidgeClassifier().partial_fit(x, y)
    with pytest.raises(ValueError, match="not among classes"):
        DistilledRidgeClassifier().partial_fit(x, y, classes=[0, 1])
    model = DistilledRidgeClassifier().partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not those of the first call"):
        model.partial_fit(x, y, classes=[0, 1, 2, 3])
    wide = DistilledRidge().fit(matrix(np.random.default_rng(0), 4, 9), np.arange(4.0))
    with pytest.raises(ValueError, match="kept no statistics"):
        wide.partial_fit(np.ones((4, 9)), np.arange(4.0))
    with pytest.raises(ValueError, match="another number of targets"):
        DistilledRidge().fit(x, y).partial_fit(x, np.eye(3)[y])
    with pytest.raises(ValueError, match="too few"):
        DistilledRidge(n_points=1).fit(x, y)
    with pytest.raises(ValueError, match="at least one non-zero"):
        DistilledRidge().fit(x, y, np.zeros(150))
    with pytest.raises(NotFittedError):
        DistilledRidge().predict(x)
    fewer, more = (matrix(np.random.default_rng(0), *shape) for shape in ((4, 9), (9, 4)))
    with pytest.raises(ValueError, match="alpha = 0 is not defined"):
        DistilledRidge(alphas=[0.0, 1.0]).fit(fewer, np.arange(4.0))
    assert DistilledRidge(alphas=[0.0, 1.0]).fit(more, np.arange(9.0)).alpha_ in (0.0, 1.0)
    # In rows that stand alone the model goes through each of them.
    with pytest.raises(ValueError, match="no digits left"):
        DistilledRidge(alphas=[0.0], fit_intercept=False).fit(np.eye(4), np.arange(4.0))


def test_pandas_series_are_labels():
    x, y = IRIS
    frame, names = pd.DataFrame(x, columns=list("abcd")), pd.Series(np.array(["u", "v", "w"])[y])
    model = DistilledRidgeClassifier().fit(frame, names)
    assert near(model.coef_, RidgeClassifier().fit(frame, names).coef_)


@pytest.mark.parametrize("kind", [DistilledRidge, DistilledRidgeClassifier])
def test_the_set_is_made_when_it_is_first_asked_for_and_once(kind, monkeypatch):
    """`fit` alone is as cheap as scikit-learn's; what is asked for afterwards is of that fit."""
    rng = np.random.default_rng(0)
    x, y, _ = tables(rng, 40, 6, 3, "plain")
    y = y if kind is DistilledRidgeClassifier else x @ rng.normal(size=(6, 2))
    made = []
    distil = kind.distil
    monkeypatch.setattr(kind, "distil", lambda *a: made.append(1) or distil(*a))
    model = kind().fit(x, y)
    assert not made
    for other in (pickle.loads(pickle.dumps(model)), model):
        points = other.set_params(n_points=20, distilled_alpha=0.25).distilled_X_
        assert len(points) == 3
        assert other.distilled_alpha_ != 0.25
        assert other.distilled_X_ is points
        assert other.recovery_error_ < 1e-10
        assert near(taught(other, other.distilled_alpha_).coef_, model.coef_)
    assert len(made) == 2
    again = model.fit(-x, y)
    assert len(again.distilled_X_) == 20
    assert len(made) == 3
    with pytest.raises(ValueError, match="n_points = 1 "):
        kind(n_points=1).fit(x, y)
    with pytest.raises(AttributeError, match="not fitted"):
        kind().distilled_X_  # noqa: B018
