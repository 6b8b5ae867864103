"""A benchmark's numbers as a file, with where they come from."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_lib.companion.numbers import provenance
from distill_lib.companion.numbers.stored import BENCHMARK, read_results


def measured_before(path: Path | None) -> dict[str, Any]:
    """What a record that is there already holds: a benchmark adds to it, case by case."""
    return read_results(path, BENCHMARK)["measured"] if path and path.exists() else {}


def keep(path: Path | None, measured: dict[str, Any], **settings: Any) -> None:
    """Write a record, unless no file is asked for."""
    if path is None:
        return
    origin = {
        **provenance.commit(Path(__file__).resolve().parents[2]),
        "versions": provenance.versions(),
        "device": provenance.device(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    record = {"settings": settings, "measured": measured, "provenance": origin}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
