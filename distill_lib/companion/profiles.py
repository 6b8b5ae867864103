"""Profiles: which notebooks run, and with which parameters (`notebooks/profiles.yml`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError, unknown


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

    Raises: CompanionError if the file is missing or not of the form profile -> description, notebooks.
    """
    import yaml

    path = root / "notebooks" / "profiles.yml"
    if not path.is_file():
        raise CompanionError(
            f"no profiles at {path}: create it with a profile, its description and its notebooks"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if empty := [name for name, entry in content.items() if not entry["notebooks"]]:
            raise ValueError(f"{', '.join(empty)} has no notebooks")
        return {
            name: Profile(
                name,
                entry["description"],
                {key: dict(value or {}) for key, value in entry["notebooks"].items()},
            )
            for name, entry in content.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CompanionError(
            f"{path} is not 'profile: {{description, notebooks: {{name: parameters}}}}' ({reason})"
        ) from None


def load_profile(root: Path, name: str) -> Profile:
    """One profile by name. Raises: CompanionError listing the known ones."""
    profiles = load_profiles(root)
    if name not in profiles:
        raise unknown("profile", name, profiles)
    return profiles[name]


def strings(value: Any) -> list[str]:
    """Every text inside nested lists and dicts of parameters."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in strings(item)]
