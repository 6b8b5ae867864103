"""What the page on large problems shows is what the benchmarks recorded, without absolute times."""

from pathlib import Path

from distill_lib.companion.files import read_json
from distill_lib.companion.site.large import tables

ROOT = Path(__file__).parents[2]


def test_the_tables_hold_the_records_and_no_seconds(tmp_path):
    made = tables(ROOT)
    floor, thin = (
        read_json(ROOT / "book" / "large" / f"{name}.json") for name in ("floor", "thin")
    )
    assert f"{floor['measured']['ratio']:.3g}" in made["floor"]
    assert made["thin"].count("\n") == len(thin["measured"]) + 1
    for name, found in thin["measured"].items():
        assert found["recovery error"] < 1e-12
        line = next(line for line in made["thin"].splitlines() if f" {name} " in line)
        assert f"{found['peak (GiB)']:.3g}" in line
    for table in made.values():
        assert "(s)" not in table
        assert "seconds" not in table
    assert tables(tmp_path) == {}
