"""The one door: every public function takes real numbers of every type, refuses complex ones by
name, and lets no NaN out.
"""

import importlib
import inspect
import pkgutil
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jaxtyping import Array, Float

import distill_lib as dl
from distill_lib.baselines.training_set import Targets
from distill_lib.boundary import door
from distill_lib.images.whitening import Whitening
from distill_lib.linalg.pseudoinverse import svd
from distill_lib.theory import kip_loss
from distill_lib.theory.contributions import FeatureKernel
from distill_lib.theory.intercept import centred

KEY = jax.random.key(0)
SHAPE = (2, 2, 1)
NORM = dl.Normalisation(SHAPE, 1.0, (0.25,), (0.5,))

# Zeros and ones, which every type of number holds.
W = np.array([[1, 0, 0, 1], [0, 1, 1, 1]], float)  # (k, p)
Y = np.array([[1, 0], [0, 1], [1, 1]], float)  # (m, k)
X = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]], float)  # (m, p)
Z = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [1, 1, 0, 1]], float)
G = np.array([[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 0], [0, 1, 0, 1]], float)
EYE = np.eye(3)
TALL = np.vstack([np.eye(4), 1 - np.eye(4)])  # (n, p)
CLASSES = np.array([0, 1, 0, 1, 1, 0, 1, 0])
ONE_HOT = np.eye(2)[CLASSES]
SIGNS = np.array([1.0, 0, 0, 1, 0, 1, 0, 0])
V, ROW = np.array([1.0, 1, 1]), np.array([1.0, 0, 1, 1])
SCORES = np.array([0.0, 1, 1, 0, 1, 0])
HELD = np.zeros((3, 4), bool)
KERNEL_TAPS = np.array([[[[1.0, 0], [1, 1]]]])
PHI = dl.FullyConnected.random(KEY, (4, 4))
FOURIER = dl.RandomFourier.random(KEY, 4, 4)
COUPLING = dl.AffineCoupling.random(KEY, 4, layers=2, hidden=2)
DEEP = dl.DeepLinear((jnp.asarray(np.eye(4) + G),))
CONVOLUTION = dl.Convolution((jnp.ones((1, 1, 1, 1)),), SHAPE)
STATS = dl.RidgeStats.of(TALL, ONE_HOT)
PATH = dl.RidgePath.of(STATS)
TARGET = kip_loss.Target(jnp.asarray(TALL), jnp.asarray(ONE_HOT))
KERNEL = FeatureKernel(dl.Linear(4))
TARGETS = Targets.of(TALL.reshape(-1, *SHAPE), CLASSES, NORM)
CENTRED = centred(jnp.asarray(X))
WHITENING = Whitening.of(TALL.reshape(-1, *SHAPE), NORM)
MECHANISM = dl.StatisticsMechanism(1.0, 1e-5)
ADAPTIVE = dl.privacy.AdaptiveMechanism(1.0, 1e-5)
OBJECTIVE = dl.privacy.ObjectivePerturbation(1.0, 1e-5, 2, 10.0, 1.0)
rng = np.random.default_rng

# Arguments of every public function; `a` makes an array of the type that is tried.
CASES = {
    "baselines.fourier_sets.kernel_answers": lambda a: (a(Y), a(EYE), a(X), 1.0),
    "baselines.fourier_sets.kernel_gap_bound": lambda a: (
        a(Y),
        a(EYE),
        a(np.ones((3, 3))),
        a(X),
        a(Z),
        a(ROW),
        1.0,
    ),
    "baselines.matched_losses.other_moments": lambda a: (a(TALL), a(SIGNS), a(X)),
    "baselines.moments.same_moments": lambda a: (a(X), a(Y)),
    "baselines.moments.gaussian_kernel": lambda a: (a(X), a(TALL), 1.0),
    "baselines.moments.subset_labels": lambda a: (a(EYE), a(Y), [0, 2]),
    "theory.closed_form.label_svd": lambda a: (a(Y),),
    "theory.closed_form.recovery_matrix": lambda a: (a(W), a(Y), a(Z)),
    "theory.surjective.points_of": lambda a: (PHI, a(X)),
    "theory.realistic.realistic_matrix": lambda a: (a(W), a(Y), a(X)),
    "theory.closed_form.support_features": lambda a: (a(X),),
    "theory.closed_form.choices": lambda a: (a(X), 0.5),
    "theory.rank_of_points.support_rank": lambda a: (a(W), a(Y), a(Z)),
    "theory.closed_form.max_reg": lambda a: (a(X),),
    "theory.labels_only.solved_labels": lambda a: (a(W), a(X), 0.5),
    "theory.closed_form.recovered_weights": lambda a: (a(X), a(Y)),
    "theory.closed_form.recovery_error": lambda a: (a(W), a(1 - W)),
    "theory.closed_form.cosine": lambda a: (a(W), a(1 - W)),
    "theory.contributions.FeatureKernel.__call__": lambda a: (KERNEL, a(X), a(TALL)),
    "theory.contributions.inverse": lambda a: (a(EYE), 0.5),
    "theory.contributions.contributions": lambda a: (a(TALL[:, :3]), a(Y)),
    "theory.contributions.removals": lambda a: (a(TALL[:, :3]), a(EYE), a(Y)),
    "theory.contributions.points_for_share": lambda a: (a(TALL),),
    "theory.contributions.cancellation": lambda a: (a(TALL),),
    "theory.contributions.gathered": lambda a: (a(X), a(Y), a(ROW)),
    "theory.held_pixels.held_set": lambda a: (a(W), a(X), HELD, 0.5),
    "theory.held_pixels.independence": lambda a: (a(W), a(X), HELD),
    "theory.held_pixels.least_error": lambda a: (a(W), a(X), ~HELD),
    "theory.theorem_c.interpolating_target": lambda a: (a(W), a(Y), a(Z)),
    "theory.theorem_c.decoupled_target": lambda a: (a(W), a(Y), a(Z)),
    "features.base.nearest_solution": lambda a: (a(W), a(Y), a(Z), "W"),
    "features.convolution.Convolution.__call__": lambda a: (CONVOLUTION, a(X)),
    "features.convolution.Convolution.inverse": lambda a: (CONVOLUTION, a(X), a(Z)),
    "features.convolution.convolution_matrix": lambda a: (a(KERNEL_TAPS), 3, 3),
    "features.coupling.AffineCoupling.__call__": lambda a: (COUPLING, a(X)),
    "features.coupling.AffineCoupling.inverse": lambda a: (COUPLING, a(X), a(Z)),
    "features.deep_linear.DeepLinear.__call__": lambda a: (DEEP, a(X)),
    "features.deep_linear.DeepLinear.onto_span": lambda a: (DEEP, a(X)),
    "features.deep_linear.DeepLinear.inverse": lambda a: (DEEP, a(X), a(Z)),
    "features.fourier.RandomFourier.__call__": lambda a: (FOURIER, a(X)),
    "features.fourier.RandomFourier.range_scale": lambda a: (FOURIER, a(X)),
    "features.fourier.RandomFourier.inverse": lambda a: (FOURIER, a(0 * X), a(Z)),
    "features.fully_connected.FullyConnected.__call__": lambda a: (PHI, a(X)),
    "features.fully_connected.FullyConnected.inverse": lambda a: (PHI, a(X), a(Z)),
    "features.linear.Linear.__call__": lambda a: (dl.Linear(4), a(X)),
    "features.linear.Linear.inverse": lambda a: (dl.Linear(4), a(X), a(Z)),
    "images.normalisation.Normalisation.inverse": lambda a: (NORM, a(X)),
    "images.pictures.picture_grid": lambda a: (a(TALL.reshape(-1, *SHAPE)),),
    "baselines.kip_on_features.support_set": lambda a: (a(X), TARGET, dl.Linear(4), NORM),
    "baselines.kip.label_solve": lambda a: (KERNEL, a(X), TARGETS),
    "baselines.kip.with_strip": lambda a: (a(G), a(TALL)),
    "kernels.regression.relative_reg": lambda a: (a(EYE),),
    "kernels.regression.solve": lambda a: (a(EYE), a(Y)),
    "kernels.regression.coefficients": lambda a: (a(EYE), a(Y)),
    "kernels.regression.scores": lambda a: (KERNEL, a(X), a(Y), a(TALL)),
    "kernels.regression.accuracy": lambda a: (KERNEL, a(X), a(Y), a(TALL), CLASSES),
    "theory.kip_loss.Target.loss": lambda a: (TARGET, a(W)),
    "theory.kip_loss.relative_reg": lambda a: (a(X),),
    "theory.kip_loss.weights": lambda a: (a(X), a(Y), 0.5),
    "theory.kip_loss.loss": lambda a: (a(X), a(Y), TARGET, 0.5),
    "theory.kip_loss.solved_loss": lambda a: (a(X), TARGET),
    "theory.kip_loss.solved_labels": lambda a: (a(X), TARGET),
    "theory.kip_loss.coefficients": lambda a: (a(X), TARGET),
    "theory.class_labels.class_weights": lambda a: (CLASSES, a(SCORES[1:3] + 1)),
    "theory.intercept.centred": lambda a: (a(X),),
    "theory.intercept.Centred.around": lambda a: (CENTRED, a(ROW)),
    "theory.intercept.affine_model": lambda a: (a(X), a(Y)),
    "theory.intercept.affine_recovery_matrix": lambda a: (a(W), a(Y), a(Z)),
    "theory.intercept.affine_mean": lambda a: (a(W), a(V[:2]), a(Y), a(ROW)),
    "theory.intercept.affine_set": lambda a: (a(W), a(V[:2]), a(Y), a(ROW), a(Z)),
    "theory.intercept.copies": lambda a: (a(W), a(Y), 2.0),
    "theory.intercept_nearest.affine_solved_labels": lambda a: (a(W), a(V[:2]), a(X)),
    "theory.intercept_nearest.nearest_affine_set": lambda a: (a(W), a(V[:2]), a(G)),
    "theory.intercept_nearest.row_basis": lambda a: (a(W),),
    "linalg.least_squares.least_squares": lambda a: (a(TALL), a(ONE_HOT)),
    "linalg.least_squares.regular_solution": lambda a: (a(TALL), a(ONE_HOT)),
    "theory.nearest.nearest_set": lambda a: (a(W), a(X)),
    "theory.nearest.robust_set": lambda a: (a(W), a(X), 0.5),
    "theory.non_surjective.preimage": lambda a: (PHI, a(X)),
    "theory.non_surjective.range_residual": lambda a: (PHI, a(X)),
    "theory.non_surjective.theorem_5_3_block": lambda a: (DEEP, a(W)),
    "theory.non_surjective.whitening_layer": lambda a: (a(X), 1.0, 1.0),
    "theory.non_surjective.free_layer": lambda a: (a(W), a(X), 1.0),
    "theory.perturbation.error_bounds": lambda a: (a(W), a(X), a(V)),
    "privacy.adaptive.AdaptiveMechanism.ridge": lambda a: (ADAPTIVE, a(G), a(W), rng(0)),
    "privacy.attacks.sum_residual": lambda a: (a(X), a(W)),
    "privacy.attacks.span_residual": lambda a: (a(X), a(W)),
    "privacy.attacks.last_record": lambda a: (a(W), a(G), a(1 - W), 1.0),
    "privacy.federated.added_records": lambda a: (a(np.outer(ROW, ROW)), a(np.outer([1, 0], ROW))),
    "privacy.auditing.audit": lambda a: (a(SCORES), a(1 - SCORES), 1e-5),
    "privacy.auditing.roc_area": lambda a: (a(SCORES), a(1 - SCORES)),
    "privacy.auditing.correlations": lambda a: (a(ROW), a(X)),
    "privacy.claimed.claimed_deviation": lambda a: (a(Y), a(ONE_HOT), 1.0, 1.0, 1.0, 0.1),
    "privacy.claimed.claimed_release": lambda a: (a(W), a(Y), 1.0, rng(0)),
    "privacy.gaussian_mechanism.StatisticsMechanism.__call__": lambda a: (
        MECHANISM,
        a(G),
        a(W),
        rng(0),
    ),
    "privacy.objective.ObjectivePerturbation.__call__": lambda a: (OBJECTIVE, a(G), a(W), rng(0)),
    "privacy.objective.ridge_in_ball": lambda a: (a(G), a(W), 1.0, 1.0),
    "privacy.release.noisy_ridge": lambda a: (a(G), a(W), 1.0),
    "linalg.pseudoinverse.Svd.with_values": lambda a: (svd(X), a(V)),
    "linalg.pseudoinverse.svd": lambda a: (a(X),),
    "linalg.pseudoinverse.rank": lambda a: (a(X),),
    "linalg.least_norm.least_norm": lambda a: (a(W), a(Y), "W"),
    "linalg.pseudoinverse.pinv": lambda a: (a(X),),
    "linalg.pseudoinverse.regularised_pinv": lambda a: (a(X), 0.5),
    "linalg.pseudoinverse.regularised": lambda a: (a(X), 0.5),
    "linalg.pseudoinverse.unregularised": lambda a: (a(X), 1e-3),
    "linalg.pseudoinverse.roots": lambda a: (a(V), 0.1, "+"),
    "linalg.pseudoinverse.largest_reg": lambda a: (a(V),),
    "metrics.scores.hard_labels": lambda a: (a(Y),),
    "images.quantisation.quantise": lambda a: (a(X), 4),
    "ridge.statistics.RidgeStats.of": lambda a: (dl.RidgeStats, a(TALL), a(ONE_HOT)),
    "ridge.statistics.RidgeStats.loss": lambda a: (STATS, a(W)),
    "ridge.path.RidgePath.accuracies": lambda a: (PATH, a(TALL), CLASSES, (1.0, 2.0)),
    "ridge.path.RidgePath.losses": lambda a: (PATH, a(TALL), a(ONE_HOT), (1.0, 2.0)),
    "ridge.updating.least_accuracy": lambda a: (STATS, a(W)),
    "ridge.model.scores": lambda a: (a(W), dl.Linear(4), NORM, a(TALL.reshape(-1, *SHAPE))),
    "images.whitening.Whitening.inverse": lambda a: (WHITENING, a(X)),
}
# Abstract, or descents of many steps, whose start goes through the same door.
WITHOUT = {
    *(
        f"features.base.FeatureMap.{name}"
        for name in ("__call__", "inverse", "onto_span", "range_scale")
    ),
    *(
        f"baselines.kip_on_features.{name}.__call__"
        for name in ("Objective", "FullBatch", "Stochastic", "OnBatches")
    ),
    "baselines.kip.KernelObjective.__call__",
    "algorithm.distill",
    *(f"{name}.descend" for name in ("baselines.kip_on_features", "baselines.kip")),
    "baselines.kip.support_set",
    # Of arrays that are NumPy's and checked already.
    *(f"linalg.products.{name}" for name in ("product", "add_gram")),
    "linalg.normal_equations.applied",
    "features.fourier.cosine",
    *(f"ridge.{name}.judged" for name in ("sources.Source", "partitioned.InPartitions")),
}


class Foreign:
    """An array of another library: nothing but the protocol to exchange arrays."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Tracking:
    """A tensor that tracks gradients: it gives itself as an array only once it is detached."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __array__(self, *_, **__):
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )

    def detach(self):
        return self.array


WIDE = {
    **{
        kind: lambda x, kind=kind: x.astype(kind)
        for kind in ("bool", "int8", "uint8", "int16", "uint64", "longdouble")
    },
    "list": lambda x: x.tolist(),
    "tuple": lambda x: (
        tuple(map(tuple, x.astype(int).tolist())) if x.ndim == 2 else tuple(x.tolist())
    ),
    "frame": lambda x: pd.DataFrame(x.astype(int)) if x.ndim == 2 else x,
    "frame of several types": lambda x: pd.DataFrame(x).astype({0: bool}) if x.ndim == 2 else x,
    "dlpack": Foreign,
    "tensor": Tracking,
    "jax int32": lambda x: jnp.asarray(x, jnp.int32),
}
HALF = {
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "bfloat16": lambda x: x.astype(jnp.bfloat16),
}


def modules():
    """Those with mathematics on arrays.

    Of the others, some are private or descend for long, some read files.
    """
    others = {
        "companion",
        "data",
        "sets",
        "boundary",
        "experiments",
        "making",
        "paper",
        "starts",
        "_public",
    }
    others |= {
        f"baselines.{name}" for name in ("descent", "checkpoint", "training_set", "finite_network")
    }
    others |= {"baselines.rfad", "baselines.rfad_objective", "metrics.judges"}
    others |= {
        "kernels.random_networks",
        "kernels.infinite_width",
        "kernels.neural_tangents",
        "kernels.blocks",
        "kernels.base",
        "kernels.residual_network",
    }
    others |= {"theory.points_without_inverse", "theory.exactness", "theory.conditions"}
    for module in pkgutil.walk_packages(dl.__path__, "distill_lib."):
        room, _, rest = module.name.removeprefix("distill_lib.").partition(".")
        if not {room, f"{room}.{rest}"} & others:
            yield importlib.import_module(module.name)


def takes_floats(function) -> bool:
    annotations = [p.annotation for p in inspect.signature(function).parameters.values()]
    kinds = [kind for a in annotations for kind in (get_args(a) or (a,))]
    return any(getattr(kind, "dtypes", None) == Float.dtypes and kind.dim_str for kind in kinds)


def public():
    """{name: function} of the public functions and methods that take arrays of floats."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            where = f"{module.__name__.removeprefix('distill_lib.')}.{name}"
            if inspect.isclass(value):
                for method, body in vars(value).items():
                    body = getattr(body, "__func__", body)
                    if (not method.startswith("_") or method == "__call__") and callable(body):
                        found[f"{where}.{method}"] = body
            elif callable(value):
                found[where] = value
    return {
        name: value
        for name, value in found.items()
        if not inspect.isclass(value) and not isinstance(value, property) and takes_floats(value)
    }


PUBLIC = public()


def leaves(result):
    result = result.toarray() if hasattr(result, "toarray") else result
    return [
        np.asarray(leaf, np.float64)
        for leaf in jax.tree.leaves(result)
        if not isinstance(leaf, str)
    ]


def test_every_public_function_of_arrays_is_tried():
    assert set(CASES) | WITHOUT == set(PUBLIC)
    for name in (
        "algorithm.distill",
        *(name for name in WITHOUT if "descend" in name),
        "baselines.kip.support_set",
    ):
        assert hasattr(PUBLIC[name], "__wrapped__")


@pytest.mark.filterwarnings("ignore:the largest of the images")
@pytest.mark.parametrize("name", CASES)
def test_every_type_of_real_number_gives_what_float64_gives(name):
    function, arguments = PUBLIC[name], CASES[name]
    wanted = leaves(function(*arguments(lambda x: x)))
    for kind, converted in (WIDE | HALF).items():
        # Beside maps and sets of float64, as JAX promotes unless it is told otherwise.
        with jax.numpy_dtype_promotion("standard" if kind in HALF else "strict"):
            made = leaves(function(*arguments(converted)))
        tolerance = 1e-12 if kind in WIDE else 2e-5
        assert len(made) == len(wanted), kind
        for a, b in zip(made, wanted, strict=True):
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance), kind


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_real_number_is_refused_by_the_arguments_name(name):
    function, arguments = PUBLIC[name], CASES[name]
    count = []
    arguments(lambda x: count.append(x) or x)
    names = list(inspect.signature(function).parameters)
    for at, (kind, word) in enumerate(
        [("complex64", "complex"), ("U3", "strings"), ("O", "objects"), ("datetime64[s]", "dates")]
    ):
        which = at % len(count)  # each array is in turn what is refused
        seen = []

        def one(x, which=which, seen=seen, kind=kind):
            seen.append(x)
            return x.astype(int).astype(kind) if len(seen) - 1 == which else x

        made = arguments(one)
        name_of_it = names[
            next(
                i for i, value in enumerate(made) if getattr(value, "dtype", None) == np.dtype(kind)
            )
        ]
        with pytest.raises(ValueError, match=rf"^{name_of_it} \(ndarray\) holds {word}"):
            function(*made)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:the largest of the images")
@pytest.mark.parametrize("name", CASES)
def test_no_nan_leaves_from_finite_input(name):
    """Entries near the end of the range: a finite result, a documented infinity, or an error; never
    a NaN.
    """
    function, arguments = PUBLIC[name], CASES[name]
    for size in (1e200, 1e-200):
        try:
            made = leaves(function(*arguments(lambda x, size=size: size * x)))
        except (ValueError, np.linalg.LinAlgError):
            continue
        assert not any(np.isnan(leaf).any() for leaf in made)


def test_an_overflow_says_where_it_arose():
    with (
        pytest.raises(
            ValueError, match=r"the result of RidgeStats.of is not finite .* scale the input"
        ),
        np.errstate(all="ignore"),
    ):
        dl.RidgeStats.of(1e200 * TALL, ONE_HOT)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1, 2], [3]], r"features \(list\) cannot be read as an array: .* give a NumPy array"),
        (np.ma.masked_equal(X, 0), "features has 6 masked entries"),
        (None, r"features \(NoneType\) holds objects"),
        (pd.DataFrame({"a": ["x", "y"]}), r"features \(DataFrame\) holds"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(array, message):
    with pytest.raises(ValueError, match=message):
        dl.RidgeStats.of(array, Y)


def test_floats_that_are_floats_are_not_copied():
    for array in (X, X.astype(np.float32), jnp.asarray(X)):
        assert door.floats("x", array) is array


@door.door()
def product(
    a: Float[Array, "n m"],
    b: Float[Array, "m k"],
    square: Float[Array, "k k"] | None = None,
    reg: float = 0,
):
    """Two matrices; each call of the inner function is one pass."""
    return inner(a, b)


PASSES = []


@door.door()
def inner(a: Float[Array, "n m"], b: Float[Array, "m k"]):
    PASSES.append((type(a), np.shape(a)))
    return jnp.asarray(a) @ jnp.asarray(b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 3)), np.ones((2, 4))), r"^b has shape \(2, 4\), but a matrix of shape \(3, any\) is needed\.$"),
        ((np.ones(3), np.ones((3, 1))), r"^a has shape \(3,\), but a matrix of shape \(any, any\) is needed\.$"),
        ((np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))), r"^square has shape \(4, 5\), .* \(4, 4\)"),
        ((np.ones((2, 3)), [[1.0, np.inf]] * 3), r"^b holds 3 entries .* index \(0, 1\)"),
        ((np.ones((2, 3)), np.ones((3, 4)), None, -1.0), "reg = -1.0 is not a ridge parameter"),
        ((np.ones((2, 3)), np.ones((3, 4)), None, np.nan), "reg = nan is not a ridge parameter"),
    ],
)  # fmt: skip
def test_annotations_say_what_fits(arguments, message):
    """Axes of one name are of one length, over all arguments, whether they come by place or by
    name.
    """
    with pytest.raises(ValueError, match=message):
        product(*arguments)
    names = dict(zip(("a", "b", "square", "reg"), arguments, strict=False))
    with pytest.raises(ValueError, match=message):
        product(**names)


def test_a_square_matrix_is_square():
    @door.door()
    def trace(a: Float[Array, "m m"]):
        return jnp.trace(jnp.asarray(a))

    assert trace(np.eye(3)) == 3
    with pytest.raises(
        ValueError, match=r"a has shape \(2, 3\), but a matrix of shape \(2, 2\) is needed"
    ):
        trace(np.ones((2, 3)))


def test_what_a_public_function_calls_takes_what_was_checked(monkeypatch):
    """Conversions and checks are made once; a call from outside is checked again, after an error as
    well.
    """
    seen = []
    monkeypatch.setattr(door.checks, "finite", lambda name, values, rows=None: seen.append(name))
    product([[1, 2]], [[3], [4]])
    assert seen == ["a", "b"]
    with pytest.raises(ValueError, match="b has shape"):
        product([[1, 2]], [[3]])
    seen.clear()
    inner([[1, 2]], [[3], [4]])
    assert seen == ["a", "b"]


def test_what_a_users_function_calls_is_checked_though_it_is_called_from_within():
    """Such as a number to watch, or a report of progress."""

    @door.door()
    def calling(a: Float[Array, "n m"], watch):
        inner(a, np.ones((2, 1)))  # from within: as it is
        return watch(a)

    def watch(a):
        return inner(a.tolist(), [[1], [1]])

    assert np.array_equal(calling(np.ones((3, 2)), watch), np.full((3, 1), 2.0))
    with pytest.raises(ValueError, match=r"b has shape \(3, 1\)"):
        calling(np.ones((3, 2)), watch=lambda a: inner(a, np.ones((3, 1))))
    assert PASSES[-1][0] is not list
