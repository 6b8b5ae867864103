"""Profiles: which notebooks run, and with which parameters (`notebooks/profiles.yml`)."""

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError, unknown

MERGE = "tag:yaml.org,2002:merge"  # <<, which may stand several times


@dataclass(frozen=True)
class Profile:
    """`notebooks` maps each notebook of the profile to the parameters it is run with."""

    name: str
    description: str
    notebooks: dict[str, dict[str, Any]]

    def select(self, names: list[str]) -> list[str]:
        """The named notebooks, or all of them if none is named.

        Raises: CompanionError for a name that the profile does not list.
        """
        for name in names:
            if name not in self.notebooks:
                raise unknown(f"notebook of profile {self.name}", name, self.notebooks)
        return [name for name in self.notebooks if not names or name in names]

    def parameters(self, name: str) -> dict[str, Any]:
        """What the notebook is run with: the profile's name, and its parameters."""
        return {"profile": self.name, **self.notebooks[name]}

    def datasets(self, known: set[str]) -> set[str]:
        """Those of the known data sets that the parameters name."""
        return known & set(strings(self.notebooks))


def load_profiles(root: Path) -> dict[str, Profile]:
    """All profiles of a project.

    Raises: CompanionError if the file is missing or not of the form profile -> description,
        notebooks, if it names something twice, or if a parameter is no finite number, text, truth
        value, list or mapping of those.
    """
    path = root / "notebooks" / "profiles.yml"
    if not path.is_file():
        raise CompanionError(
            f"no profiles at {path}: create it with a profile, its description and its notebooks"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CompanionError(f"{path} is not UTF-8 ({error})") from None
    return dict(_parsed(path, text))


@lru_cache(maxsize=8)  # a book asks for each of its pages
def _parsed(path: Path, text: str) -> dict[str, Profile]:
    import yaml

    try:
        content = yaml.load(text, _loader())
        if empty := [name for name, entry in content.items() if not entry["notebooks"]]:
            raise ValueError(f"{', '.join(empty)} has no notebooks")
        return {
            _named(name): Profile(
                name,
                entry["description"],
                {
                    _named(key): dict(value or {})
                    for key, value in _plain(name, entry["notebooks"]).items()
                },
            )
            for name, entry in content.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CompanionError(
            f"{path} is not 'profile: {{description, notebooks: {{name: parameters}}}}' ({reason})"
        ) from None


def _loader() -> Any:
    """YAML's safe loader, which takes no key twice: the last would win silently."""
    import yaml

    class Once(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [
                self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE
            ]
            twice = sorted({str(key) for key in keys if keys.count(key) > 1})
            if twice:
                raise ValueError(f"line {node.start_mark.line + 1} names {', '.join(twice)} twice")
            return super().construct_mapping(node, deep)

    return Once


def _named(name: Any) -> str:
    """The name of a profile or a notebook, which is a file's name as well."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"{name!r} is no name: take letters, digits, _ and -")
    return name


def _plain(where: str, value: Any) -> Any:
    """The value, which JSON can hold, so that what was run is recorded as it was."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where}: the key {key!r} is no text; put it in quotes")
            _plain(f"{where}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _plain(f"{where}[{index}]", inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}; give a finite number, or null")
    elif not isinstance(value, str | int | float | None):
        raise ValueError(
            f"{where} is a {type(value).__name__}; give a number, a text or a list; quote a date"
        )
    return value


def load_profile(root: Path, name: str) -> Profile:
    """One profile by name. Raises: CompanionError listing the known ones."""
    profiles = load_profiles(root)
    if name not in profiles:
        raise unknown("profile", name, profiles)
    return profiles[name]


def check_datasets(profile: Profile, names: list[str], known: tuple[str, ...]) -> None:
    """Raise CompanionError for a parameter that should name a data set and does not.

    That is a word in the notebooks' parameters that stands for a data set, or nearly is the name of
    one, and is none. A data set stands under `dataset` and `datasets`, and first in a list of
    `cases`; elsewhere a near miss is noticed.
    """
    for name in names:
        parameters = profile.notebooks[name]
        listed = parameters.get("datasets")
        cases = parameters.get("cases")
        named = [
            parameters.get("dataset"),
            *(listed if isinstance(listed, list) else [listed]),
            *(case[0] for case in cases or () if isinstance(case, list) and case),
        ]
        for word in words(parameters):
            near = get_close_matches(word, known, n=1, cutoff=0.75)
            if word not in known and (word in named or near):
                raise unknown(f"data set of notebook {name} in profile {profile.name}", word, known)


def words(value: Any) -> list[str]:
    """Every text inside nested lists and dicts, keys of inner dicts included."""
    if isinstance(value, dict):
        keys = [key for inner in value.values() if isinstance(inner, dict) for key in inner]
        return [*keys, *(text for inner in value.values() for text in words(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in words(inner)]
    return [value] if isinstance(value, str) else []


def strings(value: Any) -> list[str]:
    """Every text inside nested lists and dicts of parameters."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in strings(item)]
