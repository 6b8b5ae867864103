"""Where a number comes from: commit, versions, device."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What the numbers depend on; prose and committed results do not count as dirt.
SOURCES = (
    "distill_lib",
    "notebooks",
)

# The vector units that compilers and linear algebra choose their code by.
VECTORS = {
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512_bf16",
    "amx_tile",
    "asimd",
    "sve",
    "sve2",
}


def commit(root: Path | None) -> dict[str, Any]:
    """{"commit": hash or None, "dirty": whether the sources differ from it}.

    In a copy of the sources without their history DISTILL_COMMIT names the commit they were copied
    from; "dirty" is then unknown.
    """
    if copied := os.environ.get("DISTILL_COMMIT"):
        return {"commit": copied, "dirty": None}
    head = _git(root, "rev-parse", "HEAD")
    if not head:
        return {"commit": None, "dirty": None}
    return {"commit": head, "dirty": bool(_git(root, "status", "--porcelain", "--", *SOURCES))}


def versions(
    packages: tuple[str, ...] = ("jax", "jaxlib", "numpy", "scipy", "distill-lib"),
) -> dict[str, str | None]:
    """Installed versions (None where absent), Python's own first."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package.replace("-", "_")] = version(package)
        except PackageNotFoundError:
            found[package.replace("-", "_")] = None
    return found


def device() -> dict[str, Any]:
    """The JAX device that computes, and the processor with the cores that this process may use."""
    import jax

    first = jax.devices()[0]
    return {
        "platform": first.platform,
        "kind": first.device_kind,
        "cpus": cpu_count(),
        "processor": processor(),
    }


def processor() -> str:
    """The architecture, with the vector units where they are told.

    Sums are rounded in their order.
    """
    info = Path("/proc/cpuinfo")
    told = set(info.read_text(encoding="utf-8").split()) if info.is_file() else set()
    return " ".join([platform.machine(), *sorted(told & VECTORS)])


def cpu_count() -> int:
    """Cores that this process may use, where the system says so, else all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _git(root: Path | None, *arguments: str) -> str | None:
    if root is None:
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
