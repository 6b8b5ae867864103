"""`distill make` on a large table and on a large folder, beside reading alone.

Run by hand: `python tests/benchmarks/make_sets.py [--json FILE]`; needs pyarrow. It is no test,
since a time is none.

- A table of 10^6 rows and 100 columns of float64 in Parquet: the whole command beside a process that
  reads the table into a frame by pandas, as one does who trains on it, and beside one that decodes
  every batch once by pyarrow and lets it go. In turns; the least of each counts, start-up included.
  The peak is that of the process's resident memory.
- A folder of small pictures: its progress is followed to the middle, where Ctrl-C stops it, and
  nothing may be left.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from kept import keep
from PIL import Image

READ = """
import sys, pandas
print(pandas.read_parquet(sys.argv[1]).shape)
"""
DECODE = """
import sys
from pyarrow import parquet
with parquet.ParquetFile(sys.argv[1], pre_buffer=False) as file:
    print(sum(batch.num_rows for batch in file.iter_batches(32768)))
"""
DISTILL = [sys.executable, "-m", "distill_lib.companion", "make"]


def write_table(path: Path, rows: int, columns: int) -> None:
    """Ten classes of normal numbers, whose means differ, in row groups of the usual size."""
    import pyarrow
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    means = rng.normal(size=(10, columns))
    names = [*(f"x{j}" for j in range(columns)), "label"]
    writer = None
    for _ in range(0, rows, 100_000):
        label = rng.integers(0, 10, 100_000)
        x = 100 + 3 * (means[label] / 4 + rng.normal(size=(100_000, columns)))
        table = pyarrow.table([*(pyarrow.array(c) for c in x.T), pyarrow.array(label)], names=names)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def write_folder(path: Path, count: int) -> None:
    """Small grey pictures of ten classes."""
    rng = np.random.default_rng(0)
    for c in range(10):
        (path / str(c)).mkdir(parents=True)
        base = rng.integers(0, 128, (16, 16))
        for i in range(count // 10):
            noise = rng.integers(0, 128, (16, 16))
            Image.fromarray((base + noise).astype(np.uint8)).save(path / str(c) / f"{i}.png")


def ran(*command) -> tuple[float, float, float]:
    """Seconds by the clock and of the processors, and MiB, of a process from its start to its end."""
    start = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    limit = threading.Timer(1200, child.kill)
    limit.start()
    _, status, used = os.wait4(child.pid, 0)
    limit.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} ended with status {child.returncode}")
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def of_the_table(place: Path, rows: int, columns: int, rounds: int) -> dict[str, float]:
    """Reading, decoding alone and making in turns."""
    path, output = place / "table.parquet", place / "set.npz"
    write_table(path, rows, columns)
    read, decoded, made = [], [], []
    for _ in range(rounds):
        read.append(ran(sys.executable, "-c", READ, path))
        decoded.append(ran(sys.executable, "-c", DECODE, path))
        made.append(ran(*DISTILL, path, "--labels", "label", "-o", output))
        output.unlink()
    (frame, _, whole), (alone, _, _) = np.min(read, axis=0), np.min(decoded, axis=0)
    seconds, _, peak = np.min(made, axis=0)
    return {
        "rows": rows,
        "columns": columns,
        "file (MB)": path.stat().st_size / 1e6,
        "reading into a frame (s)": float(frame),
        "decoding alone (s)": float(alone),
        "making (s)": float(seconds),
        "making over reading": float(seconds / frame),
        "making over decoding": float(seconds / alone),
        "peak of reading (MiB)": float(whole),
        "peak (MiB)": float(peak),
    }


def of_the_folder(place: Path, count: int) -> dict[str, float]:
    """Stopped in the middle, then to the end."""
    folder, output = place / "pictures", place / "pictures.npz"
    write_folder(folder, count)
    command = [*DISTILL, folder, "-o", output]
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": "100"}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    seen, deadline = b"", time.monotonic() + 300
    while f"/{count}".encode() not in seen and time.monotonic() < deadline:
        seen += os.read(running.stderr.fileno(), 4096)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, rest = running.communicate(timeout=60)
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return {
        "pictures": count,
        "stopped with status": running.returncode,
        "left after the stop": 0 if b"nothing was written" in rest else 1,
        "whole command (s)": time.perf_counter() - start,
        "pictures in the set": len(np.load(output)["points"]),
    }


def main() -> None:
    """Measure, print, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = of_the_table(place, asked.rows, asked.columns, asked.rounds)
        found |= of_the_folder(place, asked.pictures)
    for name, value in found.items():
        print(f"{name:24s} {value:.4g}")
    keep(asked.json, found, rounds=asked.rounds)


if __name__ == "__main__":
    main()
