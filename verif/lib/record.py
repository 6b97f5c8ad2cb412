"""What a testbench leaves behind for the reports: functional coverage and measured figures.

Inside the simulator these collect; at the end of every test `save()` writes `record.json` into the run folder, from
where `verif.lib.runner` takes it; `verif.lib.results` puts the runs of a core together.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cocotb_coverage.coverage import CoverPoint, coverage_db

_measures: list[dict] = []
_points: dict[str, object] = {}


class Coverage:
    """Functional coverage of one core: named points with named bins (cocotb-coverage holds the counts).

    >>> cov = Coverage("fifo", {"level": ["empty", "some", "full"]})
    >>> cov.hit("level", "full")

    Every bin must be hit by the runs of a core together; `verif.lib.sim` and `verif.lib.regression` fail otherwise.
    """

    def __init__(self, core: str, points: dict[str, list]):
        self._core = core
        for point, bins in points.items():
            name = f"{core}.{point}"
            if name not in _points:
                names = [str(b) for b in bins]
                _points[name] = CoverPoint(name, xf=lambda value: value, bins=names)(lambda value: None)

    def hit(self, point: str, value: object) -> None:
        """Count `value` at `point`. A value that is not one of the point's bins is an error, not a silent loss."""
        name = f"{self._core}.{point}"
        if str(value) not in coverage_db[name].detailed_coverage:
            raise KeyError(f"coverage point {name} has no bin {value}")
        _points[name](str(value))


def measure(what: str, measured: float, promised: float, unit: str = "cycles", at_least: bool = False) -> None:
    """Record a figure beside the one the RTL header promises, and fail if the promise is not kept.

    Args:
        what: "latency" or "throughput", optionally with a qualifier ("throughput held").
        at_least: the promise is a lower bound (throughput); otherwise measured must equal promised.
    """
    kept = measured >= promised if at_least else measured == promised
    _measures.append(dict(what=what, measured=measured, promised=promised, unit=unit, at_least=at_least))
    save()
    if not kept:
        relation = "at least " if at_least else ""
        raise AssertionError(f"{what}: measured {measured} {unit}, promised {relation}{promised}")


def save() -> None:
    """Write record.json into the run folder (beside results.xml)."""
    folder = Path(os.environ.get("COCOTB_RESULTS_FILE", "results.xml")).resolve().parent
    coverage = {name: {str(k): v for k, v in coverage_db[name].detailed_coverage.items()} for name in _points}
    (folder / "record.json").write_text(json.dumps({"coverage": coverage, "measures": _measures}, indent=1))
