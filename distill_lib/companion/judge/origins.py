"""What recorded numbers were made from, there and here.

That is: code, parameters, data, versions and machine.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from distill_lib.companion.root import reference_folder
from distill_lib.companion.run.fingerprint import INPUTS, code_digest

Run = tuple[dict[str, Any], dict[str, Any]]  # a run's record and its results
# What may be another without the numbers being of something else: their tolerance allows for it.
ALLOWED = ("library", "versions", "platform")
RECORDED_TWICE = ("parameters", "data", "versions")  # by the runner and by the notebook


def origins(root: Path, profile: str, name: str, reference: Run, here: Run) -> list[dict[str, Any]]:
    """Every way in which the reference run of a notebook and the one here differ in origin.

    Args:
        reference, here: the runs' records and results.
    Returns: `page`, `what`, `reference`, `here` and `verdict`: "other" where it only decides which
        tolerance applies (the library's code, versions, the machine), "differs" where the numbers
        are then those of something else (the notebook's code, parameters, data), and where the
        reference run contradicts itself.
    """
    found: list[dict[str, Any]] = []

    def note(what: str, there: Any, value: Any, verdict: str = "differs") -> None:
        found.append(
            {"page": name, "what": what, "reference": there, "here": value, "verdict": verdict}
        )

    (record, results), (record_here, results_here) = reference, here
    before, now = record["inputs"], record_here["inputs"]
    for key, words in INPUTS.items():
        if before.get(key) == now.get(key):
            continue
        verdict = "other" if key in ALLOWED else "differs"
        for part, there, value in _parts(key, words, before.get(key), now.get(key)):
            note(part, there, value, verdict)
    for key, value in _machine(results_here).items():
        if (there := _machine(results).get(key)) != value:
            note(key, "not recorded" if there is None else there, value, "other")
    for what, there, value in _contradictions(
        reference_folder(root, profile), name, record, results
    ):
        note(what, there, value)
    return found


def _contradictions(
    folder: Path, name: str, record: dict[str, Any], results: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Where the parts of a committed run do not belong together: one was changed afterwards."""
    import nbformat

    for key in RECORDED_TWICE:
        noted, run = results["provenance"][key], record["inputs"].get(key)
        both = (
            noted.keys() & run.keys() if isinstance(noted, dict) and isinstance(run, dict) else ()
        )
        for part in sorted(both):
            if noted[part] != run[part]:
                yield (
                    f"the reference's two records of {INPUTS[key]}: {part}",
                    run[part],
                    noted[part],
                )
    kept = sha256((folder / "results" / f"{name}.json").read_bytes()).hexdigest()
    if record.get("sha256", kept) != kept:
        yield "the reference's results", "the digest in its record", "another content"
    path = folder / "notebooks" / f"{name}.ipynb"
    if (
        path.is_file()
        and code_digest(nbformat.read(path, as_version=4)) != record["inputs"]["notebook"]
    ):
        yield (
            "the cells of the reference's executed notebook",
            "the code that was run",
            "other code",
        )


def _parts(key: str, words: str, before: Any, now: Any) -> list[tuple[str, Any, Any]]:
    """A difference in inputs, part by part; of code there is only a digest."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [part for part in {**before, **now} if before.get(part) != now.get(part)]
        return [(f"{words}: {part}", before.get(part), now.get(part)) for part in names]
    digests = key in ("notebook", "library")
    return [(words, "other code", "this code") if digests else (words, before, now)]


def _machine(results: dict[str, Any]) -> dict[str, Any]:
    device = results["provenance"].get("device") or {}
    return {key: device.get(key) for key in ("kind", "cpus", "processor")}
