"""A set of a table trains, by scikit-learn on its rows, to the model of the whole table."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from small_table import TRUTH, D, K, X, Y, made, table

import distill_lib as dl
from distill_lib import making
from distill_lib.companion import cli
from distill_lib.making import Recipe, evaluation, make


def plain(x, recipe):
    return x if recipe.plain else StandardScaler().fit(X).transform(x)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(lam=(2.0,), intercept=True),
        Recipe(lam=(2.0,), intercept=True, plain=True, points=7, start="noise"),
        Recipe(lam=(2.0,), intercept=True, points=7, start="real", lam_s=1e-3),
    ],
)
def test_a_classifier_fitted_on_the_points_is_that_of_the_table(recipe):
    small = made(recipe)
    rows = np.asarray(small.images())[:, 0, 0]
    fitted = RidgeClassifier(small.reg_s).fit(plain(rows, recipe), np.arange(len(rows)) % K)
    whole = RidgeClassifier(2.0).fit(plain(X, recipe), TRUTH)
    np.testing.assert_allclose(fitted.coef_, whole.coef_, atol=1e-9)
    np.testing.assert_allclose(fitted.intercept_, whole.intercept_, atol=1e-9)
    np.testing.assert_array_equal(small.predict(X[:, None, None]), whole.predict(plain(X, recipe)))
    other = RidgeClassifier(2 * small.reg_s).fit(plain(rows, recipe), np.arange(len(rows)) % K)
    assert np.abs(other.coef_ - whole.coef_).max() > 1e-6  # a set is for one lam_S


@pytest.mark.parametrize(
    ("classes", "recipe"),
    [
        (True, Recipe(lam=(2.0,))),  # columns without means: W of rank k - 1
        (True, Recipe(lam=(2.0,), start="nearest", points=8)),
        (True, Recipe(lam=(2.0,), plain=True)),
        (True, Recipe(lam=(2.0,), start="nearest", points=8, intercept=True)),
        (False, Recipe(lam=(2.0,))),
        (False, Recipe(lam=(2.0,), intercept=True)),
        (False, Recipe(lam=(2.0,), intercept=True, start="nearest", points=5)),
        (False, Recipe(lam=(2.0,), start="nearest")),
        (False, Recipe(lam=(2.0,), intercept=True, start="nearest")),
    ],
)
def test_ridge_on_points_and_labels_is_that_of_the_table(classes, recipe):
    small = made(recipe, classes)
    rows, y = np.asarray(small.images())[:, 0, 0], np.asarray(small.labels)
    fitted = Ridge(small.reg_s, fit_intercept=recipe.intercept).fit(plain(rows, recipe), y)
    targets = (2 if recipe.intercept else 1) * np.eye(K)[TRUTH] - recipe.intercept if classes else Y
    whole = Ridge(2.0, fit_intercept=recipe.intercept).fit(plain(X, recipe), targets)
    np.testing.assert_allclose(fitted.coef_, whole.coef_, atol=1e-8)
    np.testing.assert_allclose(fitted.intercept_, whole.intercept_, atol=1e-8)
    assert small.provenance["recovery_error"] < 1e-9


def test_two_classes_have_two_scores_and_the_same_answers():
    pair, x = TRUTH < 2, X[TRUTH < 2]
    small = make(table(x, TRUTH[pair], ("a", "b")), Recipe(lam=(2.0,), intercept=True))
    scaler = StandardScaler().fit(x)
    whole = RidgeClassifier(2.0).fit(scaler.transform(x), TRUTH[pair])
    scores = np.asarray(small.scores(x[:, None, None]))
    np.testing.assert_allclose(
        scores[:, 1], whole.decision_function(scaler.transform(x)), atol=1e-9
    )
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1], atol=1e-9)


def test_a_set_says_where_it_comes_from_and_is_tried_on_the_columns_it_knows(tmp_path):
    small = made(Recipe(lam=(2.0, 3.0, 1e3), intercept=True))
    record = small.provenance["making"]
    assert record["classes"] == ["a", "b", "c"]
    assert record["held_out"]["rows"] >= 1
    assert 0 <= record["held_out"]["accuracy"] <= 1
    small.save(tmp_path / "s.npz")
    again = dl.DistilledSet.load(tmp_path / "s.npz")
    assert again.intercept
    np.testing.assert_array_equal(again.points, small.points)
    head = ["y", *(f"c{j}" for j in reversed(range(D))), "more"]
    lines = [",".join(["abc"[t], *map(str, x[::-1]), "7"]) for t, x in zip(TRUTH, X, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(head), *lines]), encoding="utf-8")
    source = evaluation.fitting(again, tmp_path / "t.csv")  # in another order, with a column more
    accuracy, recovery = making.evaluate(again, source)
    assert accuracy["value"] == np.mean(small.predict(X[:, None, None]) == TRUTH)
    assert recovery["value"] == small.provenance["recovery_error"]
    told = making.card(again)
    assert told["points"] == f"3, each of {D} columns"
    assert told["trainer"] == "ridge regression with an intercept"
    with pytest.raises(ValueError, match="are rows of a table"):
        making.draw(again, tmp_path / "p.png")
    (tmp_path / "t.csv").write_text(
        "\n".join([",".join(head), *lines[:30], lines[0].replace("a", "z", 1)]), encoding="utf-8"
    )
    with pytest.raises(ValueError, match="'z' is in one of them alone"):
        evaluation.fitting(again, tmp_path / "t.csv")


def test_an_intercept_is_refused_where_no_theorem_has_it():
    small = made(Recipe(lam=(2.0,), intercept=True))
    with pytest.raises(
        ValueError, match="has an intercept, and Algorithm 1 is for trainers without"
    ):
        dl.distill(small.model(), 4, key=dl.algorithm.jax.random.key(0))


def test_help_knows_the_commands_without_jax():
    import subprocess
    import sys

    script = (
        "import sys; sys.argv = ['distill', '--help']\n"
        "from distill_lib.companion import cli\n"
        "try: cli.main()\nexcept SystemExit: print('jax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split()[-1] == "False"
    assert all(f" {name} " in done.stdout for name in cli.cli_sets.COMMANDS)
