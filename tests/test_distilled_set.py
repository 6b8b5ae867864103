"""A distilled set survives its file bit for bit, and every other file is refused in one sentence."""

import json
import math
import os
import pickle
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import matrix, pictures, train
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.infinite_width import InfiniteWidth
from distill_lib.whitening import Whitening

SHAPE = (2, 3, 2)
MAPS = {
    "linear": lambda dtype: dl.Linear(12),
    "fully connected": lambda dtype: dl.FullyConnected.random(jax.random.key(1), (12, 10, 8), 0.3, dtype),
    "fourier": lambda dtype: dl.RandomFourier.random(jax.random.key(1), 12, 9, 50.0, dtype=dtype),
    "coupling": lambda dtype: dl.AffineCoupling.random(jax.random.key(1), 12, 2, 3, 0.7, dtype),
    "convolution": lambda dtype: dl.Convolution.random(
        jax.random.key(1), SHAPE, (3, 1), 2, 2, "SAME", 0.3, dtype
    ),
    "deep linear": lambda dtype: dl.DeepLinear.random(jax.random.key(1), (12, 7, 9), dtype),
}


def make(kind="fully connected", dtype="float64", reg_s=0.25, m=5):
    rng = np.random.default_rng(0)
    return dl.DistilledSet(
        jnp.asarray(matrix(rng, m, 12), dtype),
        jnp.asarray(matrix(rng, m, 3), dtype),
        reg_s,
        MAPS[kind](dtype),
        dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4), dtype),
        "one-hot",
        "by hand",
        {"key": [0, 1], "cosine": 1.0, "note": "λ_S — größer"},
    )


IMAGES = np.random.default_rng(1).integers(0, 256, (20, *SHAPE)).astype(np.uint8)


def test_the_model_is_what_training_on_the_set_gives():
    one = make(reg_s=0.25)
    features = np.asarray(one.feature_map(one.points))
    assert np.allclose(one.model().weights, train(features, one.labels, 0.25))
    wanted = np.asarray(one.feature_map(one.normalisation(IMAGES))) @ train(features, one.labels, 0.25).T
    assert np.allclose(one.scores(IMAGES), wanted)
    assert np.array_equal(one.predict(IMAGES), wanted.argmax(1))
    assert one.model().reg == 0.25


def test_images_and_picture_show_the_points():
    one = make()
    assert np.allclose(one.normalisation(one.images()), one.points)
    grey = dl.DistilledSet(
        one.points,
        one.labels,
        0.0,
        one.feature_map,
        dl.Normalisation((4, 3, 1), 16.0, (0.3,), (0.2,)),
        "",
        "",
        {},
    )
    assert np.array_equal(grey.picture(2, zoom=3), dl.picture_grid(grey.images(), 2, zoom=3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MAPS)
def test_a_saved_set_loads_to_the_same_bits(tmp_path, kind, dtype):
    one = make(kind, dtype)
    one.save(tmp_path / "set")  # any name will do
    other = dl.DistilledSet.load(str(tmp_path / "set"))
    assert np.asarray(one.scores(IMAGES)).tobytes() == np.asarray(other.scores(IMAGES)).tobytes()
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    assert jax.tree.structure(one) == jax.tree.structure(other)  # every static field
    assert other.provenance == one.provenance
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_the_file_needs_no_pickles(tmp_path):
    make().save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        assert {"header", "points", "labels", "phi.weights.0", "phi.weights.1"} == set(file.files)


def test_others_may_read_the_file(tmp_path):
    make().save(tmp_path / "set.npz")
    assert (tmp_path / "set.npz").stat().st_mode & 0o777 == 0o644


def test_saving_over_a_set_replaces_it(tmp_path):
    make(reg_s=0.25).save(tmp_path / "set.npz")
    make(reg_s=0.5).save(tmp_path / "set.npz")
    assert dl.DistilledSet.load(tmp_path / "set.npz").reg_s == 0.5


@pytest.mark.parametrize("step", ["savez", "replace", "provenance"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, step, monkeypatch):
    make(reg_s=0.25).save(tmp_path / "set.npz")
    before = (tmp_path / "set.npz").read_bytes()
    broken = make(reg_s=0.5)
    if step == "provenance":
        broken.provenance["unsavable"] = object()
        error = TypeError
    else:
        error = KeyboardInterrupt

        def interrupted(file, *args, **kwargs):
            if step == "savez":
                file.write(b"half")
            raise KeyboardInterrupt

        owner = np if step == "savez" else os
        monkeypatch.setattr(owner, step, interrupted)
    with pytest.raises(error):
        broken.save(tmp_path / "set.npz")
    assert (tmp_path / "set.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


class Doubled(dl.Linear):
    """A feature map of the reader's own."""


def test_a_feature_map_that_load_would_not_know_is_not_saved(tmp_path):
    one = make("linear")
    parts = {name: getattr(one, name) for name in one.__dataclass_fields__}
    with pytest.raises(ValueError, match=r"the feature map Doubled cannot be saved, .* known are Linear"):
        dl.DistilledSet(**parts | {"feature_map": Doubled(12)}).save(tmp_path / "set.npz")
    assert not list(tmp_path.iterdir())


# Files that are no distilled sets


def refused(path, message="cannot be read"):
    """The refusal: one sentence that names the file and the remedy."""
    with pytest.raises(ValueError, match=message) as error:
        dl.DistilledSet.load(path)
    text = str(error.value)
    assert text.startswith(f"{path} cannot be read as a distilled set: ")
    assert text.endswith("; give a file written by DistilledSet.save.")
    reason = text[
        len(f"{path} cannot be read as a distilled set: ") : -len(
            "; give a file written by DistilledSet.save."
        )
    ]
    assert len(reason) > 3
    assert "pickle" not in reason  # never the advice to load one
    assert "\n" not in reason
    return reason


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "set.npz"
    make().save(path)
    return path


@given(data=st.data())
def test_a_truncated_file_is_refused(saved, tmp_path_factory, data):
    content = saved.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path_factory.mktemp("cut") / "set.npz"
    path.write_bytes(content[:cut])
    refused(path)


@given(data=st.data())
def test_a_flipped_byte_is_refused_or_harmless(saved, tmp_path_factory, data):
    content = bytearray(saved.read_bytes())
    at = data.draw(
        st.one_of(st.integers(0, len(content) - 1), st.integers(len(content) - 400, len(content) - 1))
    )
    content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flip") / "set.npz"
    path.write_bytes(content)
    try:
        other = dl.DistilledSet.load(path)
    except ValueError:
        refused(path)
    else:  # the zip format has bytes that mean nothing, a date among them
        assert all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (make(), other)), strict=True))


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "missing.npz", "No such file")
    refused(tmp_path, "Is a directory")
    for name, content in {
        "empty": b"",
        "text": b"once upon a time",
        "pickle": pickle.dumps({"a": 1}),
    }.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "it is no npz file")
    np.save(tmp_path / "array.npy", np.zeros(3))
    refused(tmp_path / "array.npy", "it is no npz file")
    np.savez(tmp_path / "foreign.npz", x=np.zeros(3))
    refused(tmp_path / "foreign.npz", "'header' is missing")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("header", "hello")
    refused(tmp_path / "other.zip")


def test_a_file_with_objects_is_refused_unread(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    np.savez(tmp_path / "trap.npz", header=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        dl.DistilledSet.load(tmp_path / "trap.npz")


def rewritten(saved, path, change):
    """The saved set with its header and arrays changed."""
    with np.load(saved) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    header = change(header, arrays) or header
    np.savez(path, header=np.array(header if isinstance(header, str) else json.dumps(header)), **arrays)
    return path


def put(header, *keys, value):
    for key in keys[:-1]:
        header = header[key]
    header[keys[-1]] = value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: put(h, "version", value=2), "it is of version 2, newer than"),
        (lambda h, a: put(h, "version", value="1"), "cannot be read"),
        (lambda h, a: put(h, "format", value="something else"), "no header of a distilled set"),
        (lambda h, a: "[1, 2]", "no header of a distilled set"),
        (lambda h, a: "{not json", "cannot be read"),
        (lambda h, a: h.pop("version") and None, "'version' is missing"),
        (lambda h, a: h.pop("reg_s") and None, "'reg_s' is missing"),
        (lambda h, a: h.pop("provenance") and None, "'provenance' is missing"),
        (
            lambda h, a: put(h, "feature_map", "kind", value="Quantum"),
            "'Quantum' is unknown; known are Linear, FullyConnected, RandomFourier",
        ),
        (lambda h, a: h["feature_map"].pop("kind") and None, "'kind' is missing"),
        (lambda h, a: put(h, "feature_map", "colour", value=1), "colour"),
        (lambda h, a: put(h, "feature_map", "weights", value={"arrays": 3}), "'phi.weights.2' is missing"),
        (lambda h, a: put(h, "feature_map", "weights", value={"arrays": 0}), "cannot be read"),
        (lambda h, a: put(h, "feature_map", "weights", value={"arrays": "two"}), "cannot be read"),
        (lambda h, a: put(h, "feature_map", value=None), "cannot be read"),
        (lambda h, a: put(h, "normalisation", "shape", value=[2, 3]), r"not \(2, 3\)"),
        (lambda h, a: put(h, "normalisation", "shape", value=[2, 3, 1]), "each of 1 channels"),
        (lambda h, a: put(h, "normalisation", "mean", value=0.5), "cannot be read"),
        (lambda h, a: put(h, "normalisation", value={"shape": [2, 2, 2]}), "is missing"),
        (lambda h, a: put(h, "reg_s", value=-1), "reg_s = -1 is not a ridge parameter"),
        (lambda h, a: put(h, "reg_s", value=math.nan), "reg_s = nan is not a ridge parameter"),
        (lambda h, a: put(h, "reg_s", value="small"), "cannot be read"),
        (lambda h, a: a.pop("points") is None or None, "'points' is missing"),
        (lambda h, a: a.pop("phi.weights.1") is None or None, "'phi.weights.1' is missing"),
        (lambda h, a: a.update(points=a["points"][:, :7]), r"points has shape \(5, 7\), .* \(any, 12\)"),
        (lambda h, a: a.update(labels=a["labels"][:4]), r"labels has shape \(4, 3\), .* \(5, any\)"),
        (lambda h, a: a.update(points=a["points"] * np.nan), "points holds 60 entries that are NaN"),
        (lambda h, a: a.update({"phi.weights.0": np.zeros(3)}), "cannot be read"),
    ],
)
def test_a_wrong_header_is_refused(saved, tmp_path, change, message):
    refused(rewritten(saved, tmp_path / "set.npz", change), message)


def test_an_unchanged_header_is_not(saved, tmp_path):
    assert dl.DistilledSet.load(rewritten(saved, tmp_path / "set.npz", lambda h, a: None)).reg_s == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.ones((5, 7))}, r"points has shape \(5, 7\), .* \(any, 12\)"),
        ({"labels": np.ones((4, 3))}, r"labels has shape \(4, 3\), .* \(5, any\)"),
        ({"labels": np.full((5, 3), np.inf)}, "labels holds 15 entries"),
        ({"reg_s": -0.1}, "reg_s = -0.1 is not a ridge parameter"),
        (
            {"normalisation": dl.Normalisation((2, 2, 2), 255.0, (0.3, 0.6), (0.2, 0.4))},
            r"\(2, 2, 2\) have 8",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    one = make()
    parts = {name: getattr(one, name) for name in one.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        dl.DistilledSet(**parts | change)


# Sets for a kernel, and sets of others

KERNEL = InfiniteWidth("nngp", "fc", 1, SHAPE)


def for_kernel(kernel=KERNEL, **change):
    one = make()
    parts = {name: getattr(one, name) for name in one.__dataclass_fields__}
    return dl.DistilledSet(**parts | {"feature_map": None, "kernel": kernel} | change)


@pytest.mark.parametrize("kernel", [None, KERNEL])
def test_a_set_without_a_feature_map_survives_its_file(tmp_path, kernel):
    one = for_kernel(kernel)
    one.save(tmp_path / "set.npz")
    other = dl.DistilledSet.load(tmp_path / "set.npz")
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert np.array_equal(one.points, other.points)
    with pytest.raises(ValueError, match="this set has no feature map, hence no weights"):
        other.model()
    if kernel is None:
        with pytest.raises(ValueError, match=r"kernel_regression\.scores"):
            other.predict(IMAGES)
    else:
        k_ss = np.asarray(kernel(one.points, one.points))
        c = np.linalg.solve(k_ss + 0.25 * np.eye(5), one.labels)
        wanted = np.asarray(kernel(one.normalisation(IMAGES), one.points)) @ c
        assert np.allclose(other.scores(IMAGES), wanted, rtol=1e-7)
        assert np.array_equal(other.predict(IMAGES), wanted.argmax(1))


def test_a_file_from_before_there_were_kernels_loads(saved, tmp_path):
    path = rewritten(saved, tmp_path / "set.npz", lambda h, a: h.pop("kernel") and None)
    assert dl.DistilledSet.load(path).kernel is None


def test_a_set_is_for_one_model_class():
    with pytest.raises(ValueError, match="for a feature map or for a kernel; give one of them"):
        for_kernel(feature_map=dl.Linear(12))
    with pytest.raises(ValueError, match=r"takes images of shape \(2, 2, 2\), but the set holds \(2, 3, 2\)"):
        for_kernel(InfiniteWidth("nngp", "fc", 1, (2, 2, 2)))


def test_a_kernel_that_load_would_not_know_is_not_saved(tmp_path):
    class Other(InfiniteWidth):
        pass

    with pytest.raises(ValueError, match="the kernel Other cannot be saved"):
        for_kernel(Other("nngp", "fc", 1, SHAPE)).save(tmp_path / "set.npz")


NORM = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))


def released(path, pixels=False, **change):
    """A file as others release them: images (m, c, h, w) in float32, labels (m, k)."""
    rng = np.random.default_rng(3)
    arrays = {"images": rng.normal(size=(5, 2, 2, 3)).astype(np.float32), "labels": rng.normal(size=(5, 3))}
    np.savez(path, **{name: value for name, value in (arrays | change).items() if value is not None})
    return arrays


def test_a_set_of_others_is_read(tmp_path):
    arrays = released(tmp_path / "theirs.npz")
    one = dl.DistilledSet.from_npz(tmp_path / "theirs.npz", NORM, pixels=False, kernel=KERNEL)
    assert one.points.dtype == np.float64
    assert np.array_equal(one.points, arrays["images"].reshape(5, -1))  # channel first, as ours
    assert np.array_equal(one.labels, arrays["labels"])
    assert one.kernel == KERNEL
    raw = dl.DistilledSet.from_npz(str(tmp_path / "theirs.npz"), NORM, pixels=True)
    assert np.allclose(raw.images(), np.moveaxis(arrays["images"], 1, 3), rtol=1e-12, atol=1e-12)


def test_a_whitened_set_of_others_is_the_same_as_pixels_and_as_network_inputs(tmp_path):
    """Regularised ZCA from the training set, as the published sets have it: pixels are whitened, network inputs are not again."""
    shape = (4, 4, 3)
    images, classes = pictures(3, shape)
    white = Whitening.of(images, dl.Normalisation(shape, 255.0, (0.4,) * 3, (0.2,) * 3))
    labels, inputs = np.eye(3)[classes[:6]] - 1 / 3, np.asarray(white(images[:6]))
    np.savez(tmp_path / "pixels.npz", images=np.moveaxis(images[:6], 3, 1).astype(float), labels=labels)
    np.savez(tmp_path / "inputs.npz", images=inputs.reshape(6, 3, 4, 4), labels=labels)
    kernel = InfiniteWidth("ntk", "fc", 1, shape)
    of_pixels, of_inputs = (
        dl.DistilledSet.from_npz(
            tmp_path / f"{name}.npz", white, pixels=name == "pixels", kernel=kernel, reg_s=1e-3
        )
        for name in ("pixels", "inputs")
    )
    assert np.allclose(of_pixels.points, inputs, rtol=1e-9, atol=1e-9)
    assert np.allclose(of_pixels.scores(images), of_inputs.scores(images), rtol=1e-6, atol=1e-6)
    assert np.allclose(of_inputs.images(), images[:6], atol=1e-6)
    of_pixels.save(tmp_path / "saved")
    again = dl.DistilledSet.load(tmp_path / "saved")
    assert np.array_equal(again.scores(images), of_pixels.scores(images))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((5, 2, 3, 2))}, r"images have shape \(5, 2, 3, 2\), but \(m, 2, 2, 3\) is needed"),
        ({"images": np.zeros((5, 12))}, r"images have shape \(5, 12\)"),
        ({"images": np.zeros((0, 2, 2, 3))}, r"images have shape \(0,"),
        ({"images": np.full((5, 2, 2, 3), np.nan)}, "images holds 60 entries that are NaN"),
        ({"images": np.full((5, 2, 2, 3), "a")}, "images are of <U1, not real numbers"),
        ({"labels": np.zeros(5)}, r"labels has shape \(5,\)"),
        ({"labels": np.zeros((4, 3))}, r"labels has shape \(4, 3\), .* \(5, any\)"),
        ({"labels": np.full((5, 3), np.inf)}, "labels holds 15 entries"),
        ({"labels": None}, "'labels' is missing"),
        ({"labels": np.array([{}] * 5, dtype=object)}, "Object arrays cannot be loaded"),
    ],
)  # fmt: skip
def test_a_file_of_others_that_does_not_fit_is_refused(tmp_path, change, message):
    path = tmp_path / "theirs.npz"
    released(path, **change)
    with pytest.raises(ValueError, match=message) as error:
        dl.DistilledSet.from_npz(path, NORM, pixels=False)
    assert str(error.value).startswith(f"{path} cannot be read as images and labels: ")
    assert "give an npz file with arrays images (m, 2, 2, 3) and labels (m, k) of finite numbers." in str(error.value)  # fmt: skip


def test_a_pickle_of_others_is_refused_unread(tmp_path):
    (tmp_path / "theirs.npz").write_bytes(pickle.dumps({"images": 1}))
    with pytest.raises(ValueError, match="it is no npz file"):
        dl.DistilledSet.from_npz(tmp_path / "theirs.npz", NORM, pixels=False)
