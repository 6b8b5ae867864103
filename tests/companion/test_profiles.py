"""What a profiles file may say, and what is noticed before anything runs."""

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from messages import each
from projects import make_project, write_notebook

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.profiles import check_datasets, load_profile, load_profiles
from distill_lib.companion.run.plan import make_plan

KNOWN = ("digits", "mnist", "cifar10", "cifar100")


def write(root, text):
    (root / "notebooks" / "profiles.yml").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("profiles") / "p", {"a": {}})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc π"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)


def finite(value):
    if isinstance(value, dict | list):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


@given(value=VALUES)
def test_a_parameter_comes_back_as_json_would_hold_it_or_is_refused_by_name(project, value):
    content = {"tiny": {"description": "x", "notebooks": {"a": {"size": value}}}}
    write(project, yaml.safe_dump(content, allow_unicode=True))
    if finite(value):
        held = load_profile(project, "tiny").notebooks["a"]["size"]
        assert held == value
        assert json.loads(json.dumps(held, allow_nan=False)) == value
    else:
        with pytest.raises(
            CompanionError, match=r"tiny\.a\.size.* is (nan|-?inf); give a finite number"
        ):
            load_profiles(project)


WRONG = {
    "a profile twice": ("t: {description: x, notebooks: {a: {}}}\nt: {description: y, notebooks: {a: {}}}", "line 1 names t twice"),
    "a notebook twice": ("t: {description: x, notebooks: {a: {}, a: {}}}", "line 1 names a twice"),
    "a parameter twice": ("t:\n  description: x\n  notebooks:\n    a: {n: 1,\n     n: 2}", "line 4 names n twice"),
    "a date": ("t: {description: x, notebooks: {a: {size: 2026-01-02}}}", "t.a.size is a date; .* quote a date"),
    "a key that is a number": ("t: {description: x, notebooks: {a: {size: {1: 2}}}}", "t.a.size: the key 1 is no text"),
    "an infinity in a list": ("t: {description: x, notebooks: {a: {size: [1, .inf]}}}", r"t.a.size\[1\] is inf"),
    "a notebook elsewhere": ("t: {description: x, notebooks: {../a: {}}}", "'../a' is no name"),
    "a profile elsewhere": ("../t: {description: x, notebooks: {a: {}}}", "'../t' is no name"),
    "a profile that is a number": ("1: {description: x, notebooks: {a: {}}}", "1 is no name"),
}  # fmt: skip


@each(WRONG)
def test_what_would_be_taken_wrongly_is_refused(project, wrong, words):
    with pytest.raises(CompanionError, match=words):
        load_profiles(write(project, wrong))


@pytest.mark.parametrize(
    "parameters",
    [
        {"dataset": "minst"},
        {"dataset": "imagenet"},
        {"datasets": ["mnist", "cifar"]},
        {"cases": [["digits", 1], ["fashion", 2]]},
        {"round_trips": ["cifar_10"]},
        {"seeds": {"mnits": [0]}},
    ],
)
def test_a_data_set_that_is_none_is_noticed_before_anything_runs(tmp_path, parameters):
    root = make_project(tmp_path / "p", {"a": parameters})
    write_notebook(
        root, "a", parameters="\n".join(f"{name} = None" for name in ("profile", *parameters))
    )
    with pytest.raises(
        CompanionError, match="unknown data set of notebook a in profile tiny"
    ) as caught:
        make_plan(root, load_profile(root, "tiny"), [])
    assert caught.value.code == 2


def test_other_words_are_no_data_sets(project):
    text = "t: {description: x, notebooks: {a: {cold: [[digits, linear]], only: {mnist: [slope 0.01]}, kind: fcnn}}}"
    check_datasets(load_profile(write(project, text), "t"), ["a"], KNOWN)
