"""Puts together what the runs of a core left in build/results/parts: the figures of `sim-<core>.json`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from verif.lib.corefiles import core_files
from verif.lib.paths import RESULTS
from verif.lib.runner import PARTS

_ASSERTION = re.compile(r"\bassert\s+property\b|^\s*assert\s*\(", re.M)


@dataclass
class SimResults:
    """Figures of one core over all its runs."""

    core: str
    runs: int
    tests: int
    failures: int
    seeds: list[int]
    bins: int
    bins_hit: int
    missed: list[str]
    assertions: int  # in the core's own RTL; every simulation is built with them on
    latency: list[dict]
    throughput: list[dict]
    measures: list[dict]

    @property
    def coverage(self) -> float:
        """Per cent of the named bins that were hit."""
        return 100.0 * self.bins_hit / self.bins if self.bins else 0.0

    def write(self, failed: bool) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        data = asdict(self) | {"coverage": self.coverage, "seed": self.seeds[0] if self.seeds else None}
        data["failures"] = max(self.failures, int(failed))
        (RESULTS / f"sim-{self.core}.json").write_text(json.dumps(data, indent=1) + "\n")


def count_assertions(core: str) -> int:
    """Assertions in the core's own RTL."""
    return sum(len(_ASSERTION.findall(path.read_text())) for path in core_files(core).own_sources)


def collect(core: str, parts: list[dict] | None = None) -> SimResults:
    """Merge the runs of `core` (by default all in build/results/parts/<core>)."""
    if parts is None:
        parts = [json.loads(path.read_text()) for path in sorted((PARTS / core).glob("*.json"))]
    hits: dict[str, int] = {}
    measures = []
    for part in parts:
        for point, bins in part["coverage"].items():
            for name, count in bins.items():
                hits[f"{point}: {name}"] = hits.get(f"{point}: {name}", 0) + count
        text = " ".join(f"{k}={v}" for k, v in part["parameters"].items()) or "defaults"
        for row in part["measures"]:
            row = {**row, "parameters": text}
            if row not in measures:
                measures.append(row)
    return SimResults(
        core=core,
        runs=len(parts),
        tests=sum(part["tests"] for part in parts),
        failures=sum(part["failures"] for part in parts),
        seeds=sorted({part["seed"] for part in parts}),
        bins=len(hits),
        bins_hit=sum(count > 0 for count in hits.values()),
        missed=sorted(name for name, count in hits.items() if not count),
        assertions=count_assertions(core),
        latency=[row for row in measures if row["what"].startswith("latency")],
        throughput=[row for row in measures if row["what"].startswith("throughput")],
        measures=measures,
    )
