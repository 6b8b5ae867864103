"""Accuracy of one round of many silos by epsilon, and what exact statistics give away.

Run by hand: `python tests/benchmarks/federated.py [--json FILE]`; some minutes, of which most are
draws of noise.
"""

import argparse
import json
from pathlib import Path

from kept import keep

from distill_lib.experiments import federated


def main() -> None:
    """Measure, print, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--silos", default="1,10,100")
    parser.add_argument("--epsilons", default="0.3,1,3,10")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    asked = parser.parse_args()
    silos = [int(one) for one in asked.silos.split(",")]
    epsilons = [float(one) for one in asked.epsilons.split(",")]
    rows, apart = federated.utility(asked.dataset, silos, epsilons, asked.draws)
    found = {"rows": rows, "apart": apart, "revealed": federated.revealed(asked.dataset)}
    print(json.dumps(found, indent=1))
    keep(asked.json, found, dataset=asked.dataset, draws=asked.draws)


if __name__ == "__main__":
    main()
