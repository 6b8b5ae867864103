"""The loop: several things descended at once, early stopping, what is kept when a step fails.

(Resuming: test_kip_on_features.)
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_lib.baselines.descent import Diverged, descend
from distill_lib.boundary.memory import OutOfMemory

KEY = jax.random.key(5)


class Bowl(eqx.Module):
    """||x - centre||^2 plus noise in the gradient, so that the keys matter."""

    centre: jax.Array
    noise: float = 0.0

    def __call__(self, x, key):
        x = x["x"] + x["y"] if isinstance(x, dict) else x
        return jnp.sum((x - self.centre) ** 2) + self.noise * jnp.vdot(
            x, jax.random.normal(key, x.shape)
        )


def test_each_entry_has_its_own_rate():
    start = {"x": jnp.zeros(3), "y": jnp.zeros(3)}
    found = descend(
        Bowl(jnp.ones(3)), start, 1, key=KEY, learning_rate={"x": 0.1, "y": 0.003}, every=1
    )
    assert np.allclose(found.points["x"], 0.1, rtol=1e-6)
    assert np.allclose(found.points["y"], 0.003, rtol=1e-6)


@pytest.mark.parametrize("rule", [optax.adam, optax.adabelief, optax.sgd])
def test_the_steps_are_the_optimisers_own(rule):
    bowl, x = Bowl(jnp.arange(4.0), 0.3), jnp.zeros(4)
    found = descend(bowl, x, 6, key=KEY, learning_rate=0.05, rule=rule, every=3)
    optimiser = rule(0.05)
    state = optimiser.init(x)
    for i in range(6):
        slope = jax.grad(bowl)(x, jax.random.fold_in(KEY, i))
        with jax.numpy_dtype_promotion("standard"):
            change, state = optimiser.update(slope, state, x)
        x = x + change
    assert np.allclose(found.points, x, rtol=1e-12)


@given(st.integers(0, 5), st.sampled_from((2, 4, 6)))
def test_patience_ends_a_descent_and_the_best_points_are_kept(peak, patience):
    every, heights = 2, [-abs(i - peak) for i in range(20)]
    seen = []

    def watch(points):
        seen.append(np.asarray(points))
        return heights[len(seen) - 1]

    found = descend(
        Bowl(jnp.ones(2)), jnp.zeros(2), 38, key=KEY, every=every, watch=watch, patience=patience
    )
    assert len(found.watched) - 1 == peak + patience // every
    assert np.array_equal(found.best, seen[peak])
    assert len(found.losses) == every * (peak + patience // every)


def test_an_early_stop_is_the_same_after_an_interruption(tmp_path):
    path, bowl, start = (
        tmp_path / "state.npz",
        Bowl(jnp.ones(2), 5.0),
        {"x": jnp.zeros(2), "y": jnp.zeros(2)},
    )
    options = {
        "key": KEY, "every": 2, "patience": 8, "learning_rate": {"x": 0.3, "y": 0.1},
        "watch": lambda points: -float(jnp.sum((points["x"] - 0.7) ** 2)),
    }  # fmt: skip
    whole = descend(bowl, start, 100, **options)
    assert 8 < len(whole.losses) < 100

    def stop(report):
        if report.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        descend(bowl, start, 100, **options, checkpoint=path, report=stop)
    again = descend(bowl, start, 100, **options, checkpoint=path)
    assert again.watched == whole.watched
    for one, other in zip(
        jax.tree.leaves((again.points, again.best)),
        jax.tree.leaves((whole.points, whole.best)),
        strict=True,
    ):
        assert np.array_equal(one, other)
    done = descend(bowl, start, 100, **options, checkpoint=path)
    assert np.array_equal(done.losses, whole.losses)


def test_a_step_that_does_not_fit_says_so_and_keeps_the_state(tmp_path):
    class Huge(Bowl):
        def __call__(self, x, key):
            many = jnp.exp(x[0] * jnp.ones((2**22, 2**22)))  # 128 TiB
            return jnp.sum(many @ many)

    path = tmp_path / "state.npz"
    with pytest.raises(
        OutOfMemory,
        match=r"take a smaller batch, fewer support points, or narrower or fewer networks\.$",
    ):
        descend(Huge(jnp.ones(2)), jnp.zeros(2), 2, key=KEY, every=1, checkpoint=path)
    assert not path.exists()


def test_a_watched_number_that_does_not_fit_says_so_and_keeps_the_last_good_state(tmp_path):
    path, seen = tmp_path / "state.npz", []

    def watch(points):
        seen.append(points)
        if len(seen) == 3:
            raise MemoryError("no room")
        return 0.0

    with pytest.raises(
        OutOfMemory,
        match=r"what is watched does not fit .*state\.npz holds the state after step 2\.",
    ):
        descend(Bowl(jnp.ones(2)), jnp.zeros(2), 8, key=KEY, every=2, checkpoint=path, watch=watch)
    found = descend(
        Bowl(jnp.ones(2)),
        jnp.zeros(2),
        2,
        key=KEY,
        every=2,
        checkpoint=path,
        watch=lambda points: 0.0,
    )
    assert len(found.losses) == 2
    assert np.array_equal(found.points, seen[1])


@pytest.mark.parametrize(
    "second",
    [{"watch": None}, {"watches": ("loss", np.arange(4))}, {"watches": ("accuracy", np.arange(3))}],
)
def test_a_checkpoint_belongs_to_what_was_watched(tmp_path, second):
    path, bowl = tmp_path / "state.npz", Bowl(jnp.ones(2))
    first = {"watch": lambda points: 0.0, "watches": ("loss", np.arange(3))}
    descend(bowl, jnp.zeros(2), 4, key=KEY, every=2, checkpoint=path, **first)
    with pytest.raises(ValueError, match=r"checkpoint of another descent .* or watched number"):
        descend(bowl, jnp.zeros(2), 4, key=KEY, every=2, checkpoint=path, **first | second)
    assert (
        len(descend(bowl, jnp.zeros(2), 6, key=KEY, every=2, checkpoint=path, **first).watched) == 4
    )


def test_fewer_steps_than_a_checkpoint_has_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    descend(Bowl(jnp.ones(2)), jnp.zeros(2), 4, key=KEY, every=2, checkpoint=path)
    with pytest.raises(
        ValueError, match="is at step 4 of a descent of steps = 2; ask for at least as many"
    ):
        descend(Bowl(jnp.ones(2)), jnp.zeros(2), 2, key=KEY, every=2, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": None}, "the array 'losses' is missing"),
        (
            {"losses": np.zeros((2, 3))},
            r"losses is float64 of shape \(2, 3\), not of shape \(any, 2\)",
        ),
        ({"losses": np.full((2, 2), np.nan)}, "losses holds numbers that are NaN"),
        ({"seconds": np.zeros(3)}, r"seconds is .* not of shape \(2,\)"),
        ({"watched": np.zeros(2)}, r"watched is .* not of shape \(3,\)"),
        (
            {"leaf_0": np.zeros(3)},
            r"leaf_0 is float64 of shape \(3,\), not float64 of shape \(2,\)",
        ),
        ({"leaf_0": np.zeros(2, np.float32)}, "leaf_0 is float32"),
        ({"leaf_0": np.full(2, np.inf)}, "it holds points that are NaN or infinite"),
        ({"leaf_1": np.zeros(1, object)}, "leaf_1 holds Python objects"),
        ({"bomb": np.zeros(10**6)}, "it also holds 'bomb'"),
        ({"identity": np.zeros(3)}, "identity is .* not of text"),
    ],
)
def test_a_checkpoint_in_which_anything_was_changed_is_refused_by_name(tmp_path, change, message):
    path, bowl = tmp_path / "state.npz", Bowl(jnp.ones(2))
    options = {"key": KEY, "every": 2, "checkpoint": path}
    descend(bowl, jnp.zeros(2), 4, **options)
    with np.load(path) as file:
        arrays = dict(file) | change
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=message) as error:
        descend(bowl, jnp.zeros(2), 6, **options)
    assert str(error.value).startswith(f"{path} is no checkpoint of a descent (")
    assert str(error.value).endswith("; remove it and start again.")


def test_points_that_leave_the_numbers_stop_the_descent():
    class Steep(Bowl):
        def __call__(self, x, key):
            return jnp.sum(jnp.sqrt(x))  # finite at 0, its slope is not

    with pytest.raises(
        Diverged,
        match=r"lower the learning rate \(0\.5\), or, where a kernel matrix has become singular",
    ):
        descend(Steep(jnp.ones(2)), jnp.zeros(2), 1, key=KEY, every=1, learning_rate=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patience": 3}, "patience = 3 needs a number to watch"),
        (
            {"patience": 0, "watch": float},
            "patience = 0 needs a number to watch and to be at least 1",
        ),
        ({"learning_rate": {"x": 0.1}}, "learning rates are given for x; start must be a dict"),
        (
            {"learning_rate": {"x": -1.0}, "start": {"x": jnp.zeros(2)}},
            "learning_rate of x = -1.0 must be",
        ),
        ({"learning_rate": float("nan")}, "learning_rate = nan must be"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        descend(
            **(
                {
                    "objective": Bowl(jnp.ones(2)),
                    "start": jnp.zeros(2),
                    "steps": 4,
                    "key": KEY,
                    "every": 2,
                }
                | change
            )
        )
