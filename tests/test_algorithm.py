"""Algorithm 1: every start recovers the model through every feature map, repeatably, and says
clearly where it cannot.
"""

import itertools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, condition, pictures, train

import distill_lib as dl
from distill_lib.theory import exactness

# Few samples do not span the model's rows; what the warning says is tested where the construction
# is named.
pytestmark = pytest.mark.filterwarnings("ignore:the features of these")
K, SHAPE = 3, (3, 2, 2)
D = 12
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
KEY = jax.random.key(5)
STARTS = ("noise", "real", "nearest", "labels")


POOL = pictures(K, SHAPE)
MAPS = {
    "linear": lambda dtype=np.float64: dl.Linear(D),
    "fcnn": lambda dtype=np.float64: dl.FullyConnected.random(
        jax.random.key(1), (D, 11, 10), dtype=dtype
    ),
    "rff": lambda dtype=np.float64: dl.RandomFourier.random(
        jax.random.key(1), D, 10, 30.0, dtype=dtype
    ),
}


@pytest.fixture(scope="module")
def models():
    return {
        kind: dl.fit(*POOL, make(), NORMALISATION, key=KEY, regs=(1.0,), val_fraction=0)
        for kind, make in MAPS.items()
    }


def retrained(one):
    """W_S by least squares on phi(X_S), Y_S and lam_S."""
    return train(one.feature_map(one.points), one.labels, one.reg_s)


def error(w, model):
    return np.linalg.norm(w - model.weights) / np.linalg.norm(model.weights)


def cosine(w, model):
    return np.vdot(w, model.weights) / (np.linalg.norm(w) * np.linalg.norm(model.weights))


# Recovery


@pytest.mark.parametrize("reg_s", [0.0, 1e-3])
@pytest.mark.parametrize("m", [3, 5, 9, 14])
@pytest.mark.parametrize("start", ["noise", "real", "nearest"])
@pytest.mark.parametrize("kind", MAPS)
def test_every_start_recovers_the_model_through_every_map(models, kind, start, m, reg_s):
    model = models[kind]
    one = dl.distill(model, m, key=KEY, start=start, pool=POOL, reg_s=reg_s)
    assert one.points.shape == (m, D)
    assert one.labels.shape == (m, K)
    scale = one.provenance["range_scale"]
    w = retrained(one)
    assert error(scale * w, model) < 1e-9
    assert 1 - cosine(w, model) < 1e-9
    assert (scale == 1) or kind == "rff"
    assert np.array_equal(one.predict(POOL[0]), model.predict(POOL[0]))
    assert np.array_equal(one.model().predict(POOL[0]), model.predict(POOL[0]))


@pytest.mark.parametrize("kind", MAPS)
def test_labels_alone_recover_just_when_the_points_span(models, kind):
    model = models[kind]
    spanning = dl.distill(model, 14, key=KEY, start="labels", pool=POOL, reg_s=0.1)
    assert error(retrained(spanning), model) < 1e-9
    fewer = dl.distill(model, 5, key=KEY, start="labels", pool=POOL)
    assert error(retrained(fewer), model) > 0.01
    assert np.isclose(fewer.provenance["recovery_error"], error(retrained(fewer), model))
    for one, reg_s in ((spanning, 0.1), (fewer, 0.0)):
        assert one.reg_s == reg_s
        chosen = POOL[0][one.provenance["samples"]]
        assert np.array_equal(one.points, NORMALISATION(chosen))
        assert np.allclose(
            one.labels, dl.regularised(one.feature_map(one.points), reg_s) @ model.weights.T
        )


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("branch", ["+", "-", np.array([1, -1, -1, 1, -1])])
def test_every_branch_recovers(models, kind, branch):
    clipped = dl.distill(models[kind], 5, key=KEY, reg_s=1e9)
    bound = clipped.reg_s / clipped.provenance["range_scale"] ** 2
    one = dl.distill(models[kind], 5, key=KEY, reg_s=0.5 * bound, branch=branch)
    assert error(one.provenance["range_scale"] * retrained(one), models[kind]) < 1e-9
    assert not np.allclose(one.points, dl.distill(models[kind], 5, key=KEY).points)


def test_realistic_points_are_those_of_the_corollary(models):
    model = models["linear"]
    for reg_s in (0.0, 1e-3):
        one = dl.distill(
            model, 5, key=KEY, start="real", pool=POOL, reg_s=reg_s, label_rule="one-hot"
        )
        real = np.asarray(NORMALISATION(POOL[0][one.provenance["samples"]]))
        y, a_plus = np.asarray(one.labels), train(real, np.eye(5), reg_s)
        y_pinv = np.linalg.pinv(y.T)
        d = y_pinv @ model.weights + (np.eye(5) - y_pinv @ y.T) @ a_plus
        assert close(train(one.points, np.eye(5), reg_s), d, 1e3 * condition(one.points) ** 2)


@pytest.mark.parametrize("kind", MAPS)
def test_nearest_points_are_the_same_for_every_reg(models, kind):
    model = models[kind]
    plain = dl.distill(model, 5, key=KEY, start="nearest", pool=POOL)
    scale = plain.provenance["range_scale"]
    real = np.asarray(model.feature_map(NORMALISATION(POOL[0][plain.provenance["samples"]])))
    px = real @ (np.eye(len(real.T)) - np.linalg.pinv(model.weights) @ model.weights)
    distance = np.linalg.norm(np.asarray(model.feature_map(plain.points)) / scale - real)
    assert np.isclose(
        distance, np.linalg.norm(np.linalg.svd(px, compute_uv=False)[5 - K :]), rtol=1e-7
    )
    for reg_s in (1e-3, 1e6):
        one = dl.distill(
            model, 5, key=KEY, start="nearest", pool=POOL, reg_s=reg_s, too_large="refuse"
        )
        assert one.reg_s == pytest.approx(scale**2 * reg_s)
        assert np.array_equal(one.points, plain.points)
        assert error(scale * retrained(one), model) < 1e-9


def test_nearest_points_are_nearer_than_realistic_ones(models):
    model = models["linear"]
    nearest, realistic = (
        dl.distill(model, 9, key=KEY, start=start, pool=POOL) for start in ("nearest", "real")
    )
    assert nearest.provenance["samples"] == realistic.provenance["samples"]
    real = NORMALISATION(POOL[0][nearest.provenance["samples"]])
    distances = [float(np.linalg.norm(one.points - real)) for one in (nearest, realistic)]
    assert distances[0] < distances[1]
    assert np.isclose(nearest.provenance["distance"], distances[0] / np.linalg.norm(real))
    assert np.isclose(nearest.provenance["feature_distance"], distances[0] / np.linalg.norm(real))


@pytest.mark.parametrize("label_rule", ["one-hot", "model"])
@pytest.mark.parametrize("kind", ["linear", "fcnn"])
def test_with_reg_s_points_take_the_roots_nearest_to_the_real_samples(models, kind, label_rule):
    def distilled(reg_s, branch=None):
        options = {"start": "real", "pool": POOL, "reg_s": reg_s, "label_rule": label_rule}
        return dl.distill(models[kind], 3, key=KEY, branch=branch, **options)

    for reg_s in 10.0 ** np.arange(-6, 3):  # clipped where it is too large
        ours = distilled(reg_s).provenance["feature_distance"]
        for branch in itertools.product((-1.0, 1.0), repeat=3):
            assert ours <= distilled(reg_s, np.array(branch)).provenance["feature_distance"] * (
                1 + 1e-9
            )


def test_nothing_moves_where_the_samples_span_even_with_reg_s(models):
    model = models["linear"]
    p = model.weights.shape[1]
    one = dl.distill(model, p, key=KEY, start="nearest", pool=POOL, reg_s=1.0)
    assert one.reg_s == 1.0
    assert one.provenance["distance"] == 0


def test_the_nearest_set_works_in_single_precision_where_it_spans_more_than_the_model_leaves():
    """Fewer points: where float32 is kept."""
    normalisation = dl.Normalisation((3, 2, 2), 255.0, (0.3, 0.6), (0.2, 0.4), "float32")
    images, labels = POOL
    model = dl.fit(
        images, labels, dl.Linear(12), normalisation, key=KEY, regs=(1.0,), val_fraction=0.0
    )
    one = dl.distill(model, 9, key=KEY, start="nearest", pool=POOL)
    assert one.points.dtype == np.float32
    assert one.provenance["recovery_error"] < 1e-3


@pytest.mark.parametrize("kind", ["fcnn", "rff"])
def test_from_real_samples_points_are_the_preimages_near_them_and_from_noise_the_smallest(
    models, kind
):
    model = models[kind]
    phi = model.feature_map
    for start, reg_s in (("real", 0.0), ("nearest", 0.0), ("nearest", 1e-3)):
        one = dl.distill(model, 9, key=KEY, start=start, pool=POOL, reg_s=reg_s)
        features = phi(one.points)
        samples = NORMALISATION(POOL[0][one.provenance["samples"]])
        small = 1e-7 * np.linalg.norm(
            samples
        )  # the arccosine loses half the digits at the faces of the cube
        assert np.linalg.norm(one.points - phi.inverse(features, samples)) < small
        if (
            kind == "rff"
        ):  # several layers are nearest one by one, which promises nothing of the whole
            least = np.linalg.norm(phi.inverse(features) - samples) / np.linalg.norm(samples)
            assert one.provenance["distance"] < 0.5 * least
    noise = dl.distill(model, 9, key=KEY)
    least = np.asarray(phi.inverse(phi(noise.points)))
    assert np.linalg.norm(noise.points - least) < 1e-7 * np.linalg.norm(least)


@pytest.mark.parametrize("start", ["noise", "real", "nearest"])
@pytest.mark.parametrize(
    "phi",
    [
        dl.AffineCoupling.random(KEY, D, 2, 4),
        dl.Convolution.random(KEY, SHAPE, (4,), size=2, stride=2),
        dl.Convolution.random(KEY, SHAPE, (2,), size=2, padding="VALID", slope=0.5),
    ],
    ids=["coupling", "convolution with a stride", "convolution without padding"],
)
def test_the_maps_of_examples_5_1_and_5_3_carry_their_models(phi, start):
    model = dl.fit(*POOL, phi, NORMALISATION, key=KEY, regs=(1.0,), val_fraction=0)
    one = dl.distill(model, 3, key=KEY, start=start, pool=POOL, reg_s=1e-4)
    assert error(retrained(one), model) < 1e-9
    assert np.array_equal(one.predict(POOL[0]), model.predict(POOL[0]))


@pytest.mark.parametrize("noise", [0.0, 0.1, 3.0])
def test_noise_is_in_units_of_the_smallest_matrix(models, noise):
    model = models["linear"]
    one = dl.distill(model, 9, key=KEY, noise=noise)
    y = np.eye(K)[np.arange(9) % K]
    assert np.array_equal(one.labels, y)
    smallest = np.linalg.pinv(y.T) @ model.weights
    free = np.linalg.pinv(one.points).T - smallest  # (I - Y_S^+ Y_S) Z
    assert np.allclose(y.T @ free, 0, atol=1e-10 * np.linalg.norm(smallest))
    # 6 of 9 directions are free.
    assert np.isclose(
        free.std(), noise * smallest.std() * np.sqrt(6 / 9), rtol=0.25, atol=1e-12 * smallest.std()
    )


# lam_S


def largest(one):
    """1 / (4 s_1^2) of D, the regularised pseudoinverse that the set has."""
    d = train(one.feature_map(one.points), np.eye(len(one.points)), one.reg_s)
    return 1 / (4 * np.linalg.norm(d, 2) ** 2)


@pytest.mark.parametrize("start", ["noise", "real"])
@pytest.mark.parametrize("kind", MAPS)
def test_a_reg_too_large_is_clipped_to_the_bound_or_refused(models, kind, start):
    model, refusals = models[kind], 0
    for wished in 10.0 ** np.arange(-11, 4, 2):
        options = {"start": start, "pool": POOL, "reg_s": wished, "label_rule": "one-hot"}
        one = dl.distill(model, 5, key=KEY, **options)
        used = one.reg_s / one.provenance["range_scale"] ** 2
        assert one.provenance["reg_s_asked"] == wished
        if used > wished * (1 - 1e-12):
            assert dl.distill(model, 5, key=KEY, too_large="refuse", **options).reg_s == one.reg_s
            continue
        refusals += 1
        assert np.isclose(one.reg_s, largest(one), rtol=1e-6)
        assert close(
            one.provenance["range_scale"] * retrained(one),
            model.weights,
            100 * condition(one.feature_map(one.points)),
        )
        with pytest.raises(ValueError, match=r"is above 1 / \(4 s_1\^2\)") as refusal:
            dl.distill(model, 5, key=KEY, too_large="refuse", **options)
        assert f"reg_s = {wished:.6g} is above 1 / (4 s_1^2) = {used:.6g}," in str(refusal.value)
    assert 0 < refusals < 8


@pytest.mark.parametrize("kind", ["linear", "fcnn"])
def test_a_feasible_reg_is_kept(models, kind):
    for too_large in ("clip", "refuse"):
        assert dl.distill(models[kind], 5, key=KEY, reg_s=1e-4, too_large=too_large).reg_s == 1e-4


def test_scaling_into_the_cube_scales_reg_and_model(models):
    """phi(X_S) -> c phi(X_S) and lam_S -> c^2 lam_S give W_S = W / c."""
    model = models["rff"]
    plain = dl.distill(model, 5, key=KEY, reg_s=1e-3)
    c = plain.provenance["range_scale"]
    assert c < 1
    assert plain.reg_s == pytest.approx(c**2 * 1e-3)
    assert np.isclose(np.sqrt(10 / 2) * np.abs(plain.feature_map(plain.points)).max(), 1)
    assert np.allclose(
        c * retrained(plain), model.weights, rtol=1e-8, atol=1e-9 * np.abs(model.weights).max()
    )


# Randomness


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", MAPS)
def test_the_same_key_gives_the_same_bytes(models, kind, start):
    one, again, other = (
        dl.distill(models[kind], 5, key=jax.random.key(seed), start=start, pool=POOL, reg_s=1e-4)
        for seed in (1, 1, 2)
    )
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(again), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    assert one.provenance == again.provenance
    assert one.reg_s == again.reg_s
    assert not np.array_equal(one.points, other.points)


# Labels and provenance


@pytest.mark.parametrize("m", [3, 5, 9])
def test_samples_are_class_balanced_and_match_their_labels(models, m):
    one = dl.distill(models["linear"], m, key=KEY, start="real", pool=POOL, label_rule="one-hot")
    assert np.array_equal(one.labels, np.eye(K)[np.arange(m) % K])
    assert np.array_equal(POOL[1][one.provenance["samples"]], np.arange(m) % K)


def test_the_label_rule(models):
    model = models["linear"]

    def distilled(rule, pool=POOL, m=5):
        return dl.distill(model, m, key=KEY, start="real", pool=pool, reg_s=1e-3, label_rule=rule)

    own = distilled("model")
    real = NORMALISATION(POOL[0][own.provenance["samples"]])
    assert np.allclose(own.labels, dl.regularised(real, 1e-3) @ model.weights.T)
    assert np.array_equal(distilled("auto").labels, own.labels)
    assert own.label_convention == distilled("auto").label_convention == "W phi_{lam_S}(Xh)"
    assert distilled("one-hot").label_convention == "one-hot"
    # Equal images: W Xh has rank 1, so auto falls back to one-hot labels and model is refused.
    same = np.repeat(POOL[0][:1], len(POOL[0]), axis=0), POOL[1]
    fallen = distilled("auto", same)
    assert fallen.label_convention == "one-hot"
    assert np.array_equal(fallen.labels, np.eye(K)[np.arange(5) % K])
    assert error(retrained(fallen), model) < 1e-9
    with pytest.raises(ValueError, match=r"the labels Y_S have rank 1, .* rank k = 3"):
        distilled("model", same)


@pytest.mark.parametrize("number", [float, np.float64, np.float32, jnp.float64])
@pytest.mark.parametrize("start", STARTS)
def test_provenance_is_plain_json_and_true(models, start, number, tmp_path):
    one = dl.distill(
        models["rff"],
        5,
        key=KEY,
        start=start,
        pool=POOL,
        reg_s=number(0.0009765625),
        noise=number(0.125),
    )
    record = json.loads(json.dumps(one.provenance))
    assert record == one.provenance
    assert record["start"] == start
    assert record["key"] == np.asarray(jax.random.key_data(KEY)).tolist()
    assert record["reg_s_asked"] == 0.0009765625
    assert record["reg"] == 1.0
    assert np.isclose(
        record["recovery_error"],
        error(record["range_scale"] * retrained(one), models["rff"]),
        atol=1e-9,
    )
    assert np.isclose(record["cosine"], cosine(retrained(one), models["rff"]), atol=1e-9)
    if start != "noise":
        samples = NORMALISATION(POOL[0][record["samples"]])
        phi = models["rff"].feature_map
        for name, ours, real in (
            ("distance", one.points, samples),
            ("feature_distance", phi(one.points), phi(samples)),
        ):
            assert np.isclose(
                record[name], np.linalg.norm(ours - real) / np.linalg.norm(real), atol=1e-12
            )
    assert ("noise" in record) == (start == "noise")
    assert ("samples" in record) == (start != "noise")
    conventions = {"noise": "one-hot", "real": "W phi_{lam_S}(Xh)"}
    assert one.label_convention == conventions.get(start, "W phi_{lam_S}(X_S)")
    assert type(one.reg_s) is float
    one.save(tmp_path / "set.npz")
    assert dl.DistilledSet.load(tmp_path / "set.npz").provenance == record


def test_the_construction_is_named(models):
    with pytest.warns(
        UserWarning, match="these 5 samples do not span .* recovery error of 0.[0-9]+"
    ) as told:
        named = {
            start: dl.distill(models["linear"], 5, key=KEY, start=start, pool=POOL).construction
            for start in STARTS
        }
    assert len(told) == 1
    assert named == {
        "noise": "Theorem 4.1/5.1 from noise",
        "real": "Corollary 4.1.1",
        "nearest": "nearest set in feature space",
        "labels": "least squares of Theorem 4.2",  # five samples do not span the model's rows
    }
    spanning = dl.distill(models["linear"], 14, key=KEY, start="labels", pool=POOL)
    assert spanning.construction == "Theorem 4.2"
    assert spanning.provenance["exact"]


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("linear", "noise"),
        ("fcnn", "noise"),
        ("fcnn", "real"),
        ("fcnn", "nearest"),
        ("fcnn", "labels"),
        ("rff", "noise"),
    ],
)
def test_float32_is_kept_and_its_loss_recorded(kind, start):
    normalisation = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4), "float32")
    model = dl.fit(
        *POOL, MAPS[kind](np.float32), normalisation, key=KEY, regs=(1.0,), val_fraction=0
    )
    one = dl.distill(model, 5, key=KEY, start=start, pool=POOL, reg_s=1e-4)
    assert one.points.dtype == one.labels.dtype == one.model().weights.dtype == "float32"
    if start != "labels":
        assert 1e-9 < one.provenance["recovery_error"] < 1e-2


# Bad arguments


def with_weights(model, weights):
    return dl.RidgeModel(
        jnp.asarray(weights), model.feature_map, model.normalisation, model.reg, (), ()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"start": "scratch"},
            "start is 'scratch'; it must be one of noise, real, nearest, labels",
        ),
        ({"label_rule": "soft"}, "label_rule is 'soft'; it must be one of auto, one-hot, model"),
        ({"too_large": "ignore"}, "too_large is 'ignore'; it must be one of clip, refuse"),
        ({"branch": "*"}, "branch is '[*]'"),
        ({"branch": "-"}, "branch '-' at reg_s = 0"),
        ({"branch": np.ones(4), "reg_s": 1e-4}, r"branch has shape \(4,\) .* 5 nonzero"),
        ({"reg_s": -1.0}, "reg_s = -1.0 is not a ridge parameter"),
        ({"reg_s": np.nan}, "reg_s = nan is not a ridge parameter"),
        ({"noise": np.nan}, "noise = nan"),
        ({"noise": np.inf}, "noise = inf"),
        ({"noise": -0.1}, "noise = -0.1"),
        *(
            ({"m": m}, "is no number of support points")
            for m in (2.5, "5", None, np.nan, True, [5])
        ),
        ({"start": "real", "pool": POOL[0]}, "pool must be a pair"),
        *(({"start": start, "pool": POOL, "m": 2}, "m = 2 support .* k = 3") for start in STARTS),
        ({"m": 0}, "m = 0 support points"),
        ({"start": "real"}, r"start 'real' begins at real samples; give pool=\(images, labels\)"),
        ({"start": "nearest"}, "start 'nearest' begins at real samples"),
        ({"start": "labels"}, "start 'labels' begins at real samples"),
        (
            {"start": "real", "pool": (POOL[0], POOL[1][:5])},
            "the pool's labels has 5 entries for 90 images",
        ),
        (
            {"start": "real", "pool": (POOL[0], POOL[1] + 1)},
            "the pool's labels holds 1..3, but 3 classes",
        ),
        (
            {"start": "real", "pool": (POOL[0], 0 * POOL[1])},
            "the pool's labels has no sample of class 1, 2",
        ),
        ({"start": "real", "pool": (POOL[0][:, 0], POOL[1])}, r"images have shape \(90, 2, 2\)"),
        (
            {"start": "real", "pool": (POOL[0] * np.nan, POOL[1])},
            "images holds 60 entries that are NaN",
        ),
        (
            {"start": "real", "pool": POOL, "m": 91},
            "91 class-balanced samples of 3 classes .* choose 1..90",
        ),
        (
            {"start": "nearest", "pool": (np.repeat(POOL[0][:1], 90, axis=0), POOL[1])},
            "real features have rank 1",
        ),
    ],
)
def test_bad_arguments_are_one_sentence(models, arguments, message):
    with pytest.raises(ValueError, match=message):
        dl.distill(models["linear"], **{"m": 5, "key": KEY} | arguments)


@pytest.mark.parametrize("start", STARTS)
def test_models_that_cannot_be_distilled_are_refused(models, start):
    model = models["linear"]
    w = np.asarray(model.weights)
    for weights, message in [
        (np.vstack([w[:2], w[:1]]), "the model W has rank 2 < k = 3"),
        (0 * w, "the model W has rank 0 < k = 3"),
        (w * np.nan, "weights holds 36 entries that are NaN"),
        (w[:, :7], r"weights has shape \(3, 7\), .* \(any, 12\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            dl.distill(with_weights(model, weights), 5, key=KEY, start=start, pool=POOL)


@pytest.mark.parametrize(
    ("phi", "message"),
    [
        (dl.FullyConnected.random(KEY, (D, 15)), "layer 1 widens from 12 to 15"),
        (dl.FullyConnected.random(KEY, (D, 8), slope=0.0), "slope 0.0 is not invertible"),
        (dl.RandomFourier.random(KEY, D, 15), "p = 15 > d = 12 are not surjective"),
        (dl.Convolution.random(KEY, SHAPE, (3,)), "layer 1 widens from 12 to 18"),
    ],
)
def test_maps_without_a_right_inverse_are_refused_where_points_are_built(phi, message):
    w = np.random.default_rng(0).normal(size=(K, phi.dim_out))
    model = dl.RidgeModel(jnp.asarray(w), phi, NORMALISATION, 1.0, (), ())
    for start in ("noise", "real", "nearest"):
        with pytest.raises(ValueError, match=message):
            dl.distill(model, 5, key=KEY, start=start, pool=POOL)
    # Labels alone need no inverse.
    assert dl.distill(model, 30, key=KEY, start="labels", pool=POOL).labels.shape == (30, K)


class WithOne(dl.FeatureMap):
    """phi(x) = [x, 1], with an inverse that is right only on the range of phi: the last feature is
    dropped.
    """

    dim: int = eqx.field(static=True)

    @property
    def dim_in(self):
        return self.dim

    @property
    def dim_out(self):
        return self.dim + 1

    def __call__(self, x):
        return jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=1)

    def inverse(self, features, near=None):
        return features[:, :-1]


class Off(dl.FullyConnected):
    """A network whose inverse is off by a share."""

    share: float = eqx.field(static=True, default=0.1)

    def inverse(self, features, near=None):
        return (1 + self.share) * super().inverse(features, near)


@pytest.mark.parametrize("start", ["noise", "real", "nearest"])
@pytest.mark.parametrize(
    "phi",
    [WithOne(12), *(Off(MAPS["fcnn"]().weights, share=share) for share in (0.1, 1e-8))],
    ids=["x, 1", "10 %", "1e-8"],
)
def test_a_set_through_an_inexact_inverse_says_so(phi, start):
    model = dl.fit(*POOL, phi, NORMALISATION, key=KEY, regs=(1.0,), val_fraction=0)
    with pytest.warns(
        UserWarning, match=r"inverse is no right inverse .* rounding explains .*e-1[0-9]: "
    ):
        one = dl.distill(model, 5, key=KEY, start=start, pool=POOL)
    assert one.construction.endswith(", through an inexact inverse")
    assert one.provenance["exact"] is False


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("smallest", [1.0, 1e-2, 1e-5])
def test_rounding_is_not_taken_for_an_inexact_inverse(smallest, dtype):
    """Singular values down to `smallest` of the largest: the inverse amplifies rounding by as much,
    and stays a right inverse.
    """
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=(12, 12)))[0] for _ in "uv")
    phi = dl.FullyConnected((jnp.asarray(u * np.geomspace(1, smallest, 12) @ v, dtype),))
    wished = jnp.asarray(rng.normal(size=(5, 12)), dtype)
    for features in (wished, wished[:, ::-1] * 1e3):
        points = phi.inverse(features)
        assert exactness.shortfall(phi, points, phi(points), features, 0.0, 0.0) == ""
        rounding = 1e3 * 12 * jnp.finfo(dtype).eps / smallest
        along_the_largest = rounding * jnp.linalg.norm(points) * v[0].astype(dtype)
        moved = points + along_the_largest[None, :]
        assert "differs from f" in exactness.shortfall(phi, moved, phi(moved), features, 0.0, 0.0)


def test_a_pool_may_be_lists_and_of_any_order(models):
    images, labels = POOL
    wanted = dl.distill(models["linear"], 5, key=KEY, start="nearest", pool=POOL)
    made = dl.distill(
        models["linear"], 5, key=KEY, start="nearest", pool=[images.tolist(), labels.tolist()]
    )
    assert np.array_equal(made.points, wanted.points)
