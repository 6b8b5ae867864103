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
from messages import each

import distill_lib as dl
from distill_lib.images.whitening import Whitening
from distill_lib.kernels.infinite_width import InfiniteWidth

SHAPE = (2, 3, 2)
MAPS = {
    "linear": lambda dtype: dl.Linear(12),
    "fully connected": lambda dtype: dl.FullyConnected.random(
        jax.random.key(1), (12, 10, 8), 0.3, dtype
    ),
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
    wanted = (
        np.asarray(one.feature_map(one.normalisation(IMAGES))) @ train(features, one.labels, 0.25).T
    )
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


def test_saving_over_a_set_replaces_it(tmp_path):
    make(reg_s=0.25).save(tmp_path / "set.npz")
    make(reg_s=0.5).save(tmp_path / "set.npz")
    assert dl.DistilledSet.load(tmp_path / "set.npz").reg_s == 0.5


@pytest.mark.parametrize("step", ["savez", "replace"])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, step, monkeypatch):
    make(reg_s=0.25).save(tmp_path / "set.npz")
    before = (tmp_path / "set.npz").read_bytes()

    def interrupted(file, *args, **kwargs):
        if step == "savez":
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np if step == "savez" else os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(reg_s=0.5).save(tmp_path / "set.npz")
    assert (tmp_path / "set.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def with_parts(one, **change):
    return dl.DistilledSet(
        **{name: getattr(one, name) for name in one.__dataclass_fields__} | change
    )


def test_provenance_in_numbers_of_numpy_and_jax_is_kept_as_plain_values(tmp_path):
    record = {
        "n": np.int64(3),
        "loss": jnp.asarray(0.5),
        "keys": np.arange(2),
        "eps": np.inf,
        "of": (1, None),
    }
    one = with_parts(make("linear"), provenance=record)
    assert one.provenance == {"n": 3, "loss": 0.5, "keys": [0, 1], "eps": "inf", "of": [1, None]}
    one.save(tmp_path / "set.npz")
    assert dl.DistilledSet.load(tmp_path / "set.npz").provenance == one.provenance
    with pytest.raises(
        ValueError, match=r"^provenance\.a\[1\] is of type object, which a file cannot keep"
    ):
        with_parts(one, provenance={"a": [1, object()]})


@pytest.mark.parametrize("dtype", [np.float32, jnp.float32, np.dtype("float32"), "float32"])
def test_a_type_is_kept_by_its_name_however_it_was_given(tmp_path, dtype):
    normalisation = dl.Normalisation(SHAPE, np.float64(255), (np.float32(0.5),) * 2, (1, 1), dtype)
    with_parts(make("linear", "float32"), normalisation=normalisation).save(tmp_path / "set.npz")
    assert dl.DistilledSet.load(tmp_path / "set.npz").normalisation.dtype == "float32"


def test_what_load_would_refuse_is_not_saved(tmp_path):
    phi = dl.FullyConnected(make().feature_map.weights, float("nan"))
    with pytest.raises(
        ValueError, match=r"cannot be saved, .*: feature_map\.slope is 'nan', not a finite number"
    ):
        with_parts(make(), feature_map=phi).save(tmp_path / "set.npz")
    assert not list(tmp_path.iterdir())


class Doubled(dl.Linear):
    """A feature map of the reader's own."""


def test_a_feature_map_that_load_would_not_know_is_not_saved(tmp_path):
    with pytest.raises(
        ValueError, match=r"the feature map Doubled cannot be saved, .* known are Linear"
    ):
        with_parts(make("linear"), feature_map=Doubled(12)).save(tmp_path / "set.npz")
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
        st.one_of(
            st.integers(0, len(content) - 1), st.integers(len(content) - 400, len(content) - 1)
        )
    )
    content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flip") / "set.npz"
    path.write_bytes(content)
    try:
        other = dl.DistilledSet.load(path)
    except ValueError:
        refused(path)
    else:  # the zip format has bytes that mean nothing, a date among them
        assert all(
            np.array_equal(a, b)
            for a, b in zip(*map(jax.tree.leaves, (make(), other)), strict=True)
        )


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
    refused(tmp_path / "foreign.npz", "the array 'header' is missing")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("header", "hello")
    refused(tmp_path / "other.zip")


def rewritten(saved, path, change):
    """The saved set with its header and arrays changed."""
    with np.load(saved) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    header = change(header, arrays) or header
    np.savez(
        path, header=np.array(header if isinstance(header, str) else json.dumps(header)), **arrays
    )
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h.update(version=3), "it is of version 3, newer than"),
        (lambda h, a: h.update(version=-5), "its version is -5, not 1 or 2"),
        (lambda h, a: "[1, 2]", "no header of a distilled set"),
        (lambda h, a: "{not json", "its header is no JSON"),
        (lambda h, a: "[" * 100_000, "its header is no JSON"),
        (lambda h, a: h["normalisation"].update(dtype="int32"), "normalisation.dtype is 'int32', not one of float32"),
        (lambda h, a: h["feature_map"].update(kind="Quantum"), "'Quantum' is unknown; known are Linear"),
        (lambda h, a: h["feature_map"].update(slope=math.nan), "feature_map.slope is 'nan', not a finite number"),
        (lambda h, a: h["feature_map"].update(weights={"arrays": 3}), "the array 'phi.weights.2' is missing"),
        (lambda h, a: a.update(bomb=np.zeros(9)), "it also holds 'bomb', which its header does not have"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(saved, tmp_path, change, message):
    refused(rewritten(saved, tmp_path / "set.npz", lambda h, a: change(h, a) or None), message)


# Whatever is changed in a file

GONE = object()
WRONG = (
    GONE,
    None,
    math.nan,
    -math.inf,
    -5,
    0,
    10**15,
    10**400,
    1e308,
    1e-320,
    True,
    "x",
    [],
    [2],
    {},
    {"a": 1},
)


def leaves(value, path=()):
    """The paths of a header's entries, containers included."""
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, entry in inside:
        yield (*path, key)
        yield from leaves(entry, (*path, key))


def in_words_about_the_file(message):
    """Nothing of Python or JAX."""
    jargon = (
        "object is not",
        "subscript",
        "not supported",
        "unhashable",
        "JAX",
        "pickle",
        "NoneType",
        "argument",
    )
    return "\n" not in message and not any(word in message for word in jargon)


def kept(kind):
    if kind == "kernel":
        return for_kernel()
    if kind == "whitened":
        white = Whitening.of(IMAGES, dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4)))
        return with_parts(make("linear"), normalisation=white)
    return make(kind)


OWN = ("feature_map", "kernel", "whitened")
KINDS = (*MAPS, "kernel", "whitened")


@pytest.mark.parametrize("kind", KINDS)
def test_any_entry_of_the_header_changed_is_refused_by_name_or_harmless(tmp_path, kind):
    one = kept(kind)
    one.save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as file:
        arrays = dict(file)
    text = str(arrays.pop("header"))
    for path in leaves(json.loads(text)):
        if (
            path[0] == "provenance"
            or path[:2] == ("arrays", "labels")
            or (kind != "fully connected" and path[0] not in OWN)
        ):
            continue  # says nothing that is computed with, or is the same for every kind
        for wrong in WRONG:
            header = json.loads(text)
            place = header
            for key in path[:-1]:
                place = place[key]
            if wrong is GONE:
                del place[path[-1]]
            else:
                place[path[-1]] = wrong
            np.savez(tmp_path / "wrong.npz", header=json.dumps(header), **arrays)
            try:
                other = dl.DistilledSet.load(tmp_path / "wrong.npz")
            except ValueError as error:
                said = str(error)
                assert said.startswith(
                    f"{tmp_path / 'wrong.npz'} cannot be read as a distilled set: "
                ), said
                assert in_words_about_the_file(said), (path, wrong, said)
            else:  # another value of the right kind: it is written back as it was read, with numbers or an error
                other.save(tmp_path / "again.npz")
                assert dl.DistilledSet.load(tmp_path / "again.npz").normalisation.shape == SHAPE
                if path[0] not in ("arrays", "format", "kernel"):
                    finite_or_refused(other)


def finite_or_refused(one):
    try:
        scores = one.scores(IMAGES[:2])
    except ValueError as error:
        said = str(error)
    else:
        said = "" if np.isfinite(scores).all() else "not supported"
    assert in_words_about_the_file(said)


SPOILT = {
    "gone": lambda a: None,
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: a.astype(object),
    "text": lambda a: a.astype(str),
    "other precision": lambda a: a.astype(np.float32),
    "fewer": lambda a: a[:-1],
    "one more axis": lambda a: a[None],
    "flat": lambda a: a.reshape(-1)[: a.size - 1],
    "none": lambda a: a[:0],
    "NaN": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.nan, a),
    "infinite": lambda a: np.full_like(a, -np.inf),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_any_array_changed_is_refused_by_name(tmp_path, kind, version):
    """Of version 2, whose header describes the arrays; of version 1 what the other parts show to be
    wrong.
    """
    kept(kind).save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    if version == 1:
        header = {name: entry for name, entry in header.items() if name != "arrays"} | {
            "version": 1
        }
    for name in arrays:
        for spoil in (
            SPOILT if version == 2 else ("gone", "complex", "objects", "text", "NaN", "infinite")
        ):
            changed = SPOILT[spoil](arrays[name])
            others = {
                key: entry for key, entry in arrays.items() if key != name or changed is not None
            }
            np.savez(
                tmp_path / "wrong.npz", header=json.dumps(header),
                **others | ({} if changed is None else {name: changed}),
            )  # fmt: skip
            reason = refused(tmp_path / "wrong.npz")
            assert name in reason, (name, spoil, reason)
            assert in_words_about_the_file(reason)


def test_an_unchanged_header_is_not(saved, tmp_path):
    assert (
        dl.DistilledSet.load(rewritten(saved, tmp_path / "set.npz", lambda h, a: None)).reg_s
        == 0.25
    )


# Sets for a kernel, and sets of others

KERNEL = InfiniteWidth("nngp", "fc", 1, SHAPE)


def for_kernel(kernel=KERNEL, **change):
    return with_parts(make(), **{"feature_map": None, "kernel": kernel} | change)


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
        with pytest.raises(ValueError, match=r"regression\.scores"):
            other.predict(IMAGES)
    else:
        k_ss = np.asarray(kernel(one.points, one.points))
        c = np.linalg.solve(k_ss + 0.25 * np.eye(5), one.labels)
        wanted = np.asarray(kernel(one.normalisation(IMAGES), one.points)) @ c
        assert np.allclose(other.scores(IMAGES), wanted, rtol=1e-7)
        assert np.array_equal(other.predict(IMAGES), wanted.argmax(1))


def test_a_file_of_version_1_loads(saved, tmp_path):
    """From before there were kernels, and descriptions of the arrays."""
    old = ("kernel", "arrays")
    path = rewritten(
        saved,
        tmp_path / "set.npz",
        lambda h, a: {name: h[name] for name in h if name not in old} | {"version": 1},
    )
    assert np.array_equal(dl.DistilledSet.load(path).scores(IMAGES), make().scores(IMAGES))


class OtherKernel(InfiniteWidth):
    pass


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was run",))


def with_objects(path):
    np.savez(path, header=np.array([Trap()], dtype=object))
    dl.DistilledSet.load(path)


def of_others(path):
    path.write_bytes(pickle.dumps({"images": 1}))
    dl.DistilledSet.from_npz(path, NORM, pixels=False)


def changed(**change):
    return lambda _: with_parts(make(), **change)


REFUSED = {
    "no point": (changed(points=np.ones((0, 12)), labels=np.ones((0, 3))), "at least one point"),
    "points of other inputs": (changed(points=np.ones((5, 7))), r"points has shape \(5, 7\), .* \(any, 12\)"),
    "fewer labels than points": (changed(labels=np.ones((4, 3))), r"labels has shape \(4, 3\), .* \(5, any\)"),
    "infinite labels": (changed(labels=np.full((5, 3), np.inf)), "labels holds 15 entries"),
    "a negative reg_s": (changed(reg_s=-0.1), "reg_s = -0.1 is not a ridge parameter"),
    "smaller images": (changed(normalisation=dl.Normalisation((2, 2, 2), 255.0, (0.3, 0.6), (0.2, 0.4))), r"\(2, 2, 2\) have 8"),
    "a map and a kernel": (lambda _: for_kernel(feature_map=dl.Linear(12)), "for a feature map or for a kernel; give one of them"),
    "a kernel of smaller images": (lambda _: for_kernel(InfiniteWidth("nngp", "fc", 1, (2, 2, 2))), r"takes images of shape \(2, 2, 2\), but the set holds \(2, 3, 2\)"),
    "a kernel that load would not know": (lambda path: for_kernel(OtherKernel("nngp", "fc", 1, SHAPE)).save(path), "the kernel OtherKernel cannot be saved"),
    "a file with objects, unread": (with_objects, "header holds Python objects"),
    "a pickle of others, unread": (of_others, "it is no npz file"),
}  # fmt: skip


@each(REFUSED)
def test_what_is_no_set_is_refused(tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong(tmp_path / "set.npz")


NORM = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))


def released(path, pixels=False, **change):
    """A file as others release them: images (m, c, h, w) in float32, labels (m, k)."""
    rng = np.random.default_rng(3)
    arrays = {
        "images": rng.normal(size=(5, 2, 2, 3)).astype(np.float32),
        "labels": rng.normal(size=(5, 3)),
    }
    np.savez(
        path, **{name: value for name, value in (arrays | change).items() if value is not None}
    )
    return arrays


def test_a_set_of_others_is_read(tmp_path):
    arrays = released(tmp_path / "theirs.npz")
    one = dl.DistilledSet.from_npz(tmp_path / "theirs.npz", NORM, pixels=False, kernel=KERNEL)
    assert one.points.dtype == np.float64
    assert np.array_equal(one.points, arrays["images"].reshape(5, -1))  # channel first, as ours
    assert np.array_equal(one.labels, arrays["labels"])
    assert one.kernel == KERNEL
    with pytest.warns(
        UserWarning, match=r"theirs\.npz: the root mean square .* so try pixels=False\.$"
    ):
        raw = dl.DistilledSet.from_npz(str(tmp_path / "theirs.npz"), NORM, pixels=True)
    assert np.allclose(raw.images(), np.moveaxis(arrays["images"], 1, 3), rtol=1e-12, atol=1e-12)


def test_a_whitened_set_of_others_is_the_same_as_pixels_and_as_network_inputs(tmp_path):
    """Regularised ZCA from the training set, as the published sets have it: pixels are whitened,
    network inputs are not again.
    """
    shape = (4, 4, 3)
    images, classes = pictures(3, shape)
    white = Whitening.of(images, dl.Normalisation(shape, 255.0, (0.4,) * 3, (0.2,) * 3))
    labels, inputs = np.eye(3)[classes[:6]] - 1 / 3, np.asarray(white(images[:6]))
    np.savez(
        tmp_path / "pixels.npz", images=np.moveaxis(images[:6], 3, 1).astype(float), labels=labels
    )
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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pixels", [False, True])
def test_every_layout_in_use_gives_the_same_set(tmp_path, pixels):
    rng = np.random.default_rng(4)
    for shape, flat in ((SHAPE, {"channels": "first"}), ((3, 2, 1), {})):
        norm = dl.Normalisation(shape, 255.0, (0.5,) * shape[2], (0.3,) * shape[2])
        images = rng.integers(0, 256, (4, *shape)).astype(float)
        first = np.moveaxis(
            images if pixels else np.asarray(norm(images)).reshape(4, shape[2], *shape[:2]), -1, 1
        )
        first = first if pixels else np.asarray(norm(images)).reshape(4, shape[2], *shape[:2])
        layouts = [(first, {}), (np.moveaxis(first, 1, 3), {}), (first.reshape(4, -1), flat)]
        layouts += [(first[:, 0], {})] if shape[2] == 1 else []
        for stored, stated in layouts:
            np.savez(tmp_path / "x.npz", images=stored, labels=np.array([2, 0, 1, 1]))
            one = dl.DistilledSet.from_npz(tmp_path / "x.npz", norm, pixels=pixels, **stated)
            assert np.allclose(one.images(), images, atol=1e-9)
            assert np.array_equal(one.labels, np.eye(3)[[2, 0, 1, 1]])
            assert one.label_convention == "one-hot"


def test_class_indices_that_leave_a_class_out_need_their_number(tmp_path):
    path = tmp_path / "theirs.npz"
    for labels in (np.array([0, 3, 1, 1, 0]), np.array([[0], [3], [1], [1], [0]], np.uint8)):
        released(path, labels=labels)
        with pytest.raises(
            ValueError, match=r"class indices 0\.\.3 leave classes out; state .* classes="
        ):
            dl.DistilledSet.from_npz(path, NORM, pixels=False)
        assert dl.DistilledSet.from_npz(path, NORM, pixels=False, classes=5).labels.shape == (5, 5)
    for labels in (np.array([0, 10**15, 1, 1, 0]), np.array([0, -1, 1, 1, 0])):
        released(path, labels=labels)
        with pytest.raises(ValueError, match="leave classes out"):
            dl.DistilledSet.from_npz(path, NORM, pixels=False)


def test_images_in_pixels_that_are_said_to_be_inputs_get_a_hint(tmp_path):
    released(tmp_path / "theirs.npz", images=IMAGES[:5])
    with pytest.warns(UserWarning, match=r"as for pixel values .* so try pixels=True"):
        dl.DistilledSet.from_npz(tmp_path / "theirs.npz", NORM, pixels=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((5, 3, 2, 2))}, r"shape \(5, 3, 2, 2\), which is none of 2 x 3 pixels and 2 channels"),
        ({"images": np.zeros((5, 12))}, r"may have their channels first or last; state channels='first' or 'last'"),
        ({"images": np.zeros((0, 2, 2, 3))}, r"images have shape \(0, 2, 2, 3\)"),
        ({"images": np.full((5, 2, 2, 3), np.nan)}, "images holds numbers that are NaN"),
        ({"images": np.full((5, 2, 2, 3), "a")}, "images is text of shape .* not of real numbers"),
        ({"images": np.full((5, 2, 2, 3), 1j)}, "images is complex128 of shape .* not of real numbers"),
        ({"labels": np.zeros(5)}, r"labels is float64 of shape \(5,\), not of shape \(5, any\)"),
        ({"labels": np.zeros((4, 3))}, r"labels is float64 of shape \(4, 3\), not of shape \(5, any\)"),
        ({"labels": np.full((5, 3), np.inf)}, "labels holds numbers that are NaN or infinite"),
        ({"labels": None}, "the array 'labels' is missing"),
        ({"labels": np.array([{}] * 5, dtype=object)}, "labels holds Python objects"),
        ({"transform": np.eye(12)}, "it also holds 'transform', which a released set does not have"),
    ],
)  # fmt: skip
def test_a_file_of_others_that_does_not_fit_is_refused(tmp_path, change, message):
    path = tmp_path / "theirs.npz"
    released(path, **change)
    with pytest.raises(ValueError, match=message) as error:
        dl.DistilledSet.from_npz(path, NORM, pixels=False)
    assert str(error.value).startswith(f"{path} cannot be read as images and labels: ")
    assert (
        "; give an npz file with arrays images (m, 2, 2, 3) or (m, 2, 3, 2) and labels (m, k)"
        in str(error.value)
    )


@pytest.mark.parametrize("kind", ["linear", "kernel"])
def test_images_in_another_range_are_the_same_images_once_it_is_stated(kind):
    one = kept(kind)
    wanted = np.asarray(one.scores(IMAGES))
    assert np.allclose(one.scores(IMAGES / 255.0, white=1.0), wanted, rtol=1e-6, atol=1e-9)
    truth = wanted.argmax(1)
    assert one.accuracy(IMAGES / 255.0, truth, white=1.0) == 1
    assert one.accuracy(IMAGES[:4], [*truth[:3], 1 - truth[3]]) == 0.75
