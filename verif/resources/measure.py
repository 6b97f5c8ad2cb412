"""Area of a configuration, part by part: every distinct part is synthesised once, without the parts inside it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from verif.lib import synth
from verif.lib.corefiles import core_files
from verif.lib.paths import BUILD
from verif.resources.instances import CORE, FLAGS, Instance

CACHE = BUILD / "synth-cache"
TARGET = "versal"
FIGURES = ("luts", "luts_memory", "ffs", "dsps", "brams", "urams", "path_ns")


@dataclass(frozen=True)
class Part:
    """Instances of one module with one set of parameters, less the parts inside them."""

    module: str
    parameters: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    modules: frozenset[str]  # all that is synthesised with it, itself too
    boxes: tuple[str, ...]  # modules of parts directly inside it
    dsps_fp32: int  # DSPFP32 of one instance, as elaborated


def _own(instance: Instance, names: frozenset[str]):
    """The instances that belong to this one's part."""
    yield instance
    for child in instance.children:
        if child.module not in names:
            yield from _own(child, names)


def parts_of(top: Instance, names: frozenset[str]) -> list[Part]:
    """Cut the hierarchy at the modules `names`; the toplevel is a part too."""
    found: dict[tuple, list[Instance]] = defaultdict(list)
    for instance in top.walk():
        if instance is top or instance.module in names:
            found[instance.module, instance.parameters].append(instance)
    parts = []
    for (module, parameters), instances in found.items():
        own = list(_own(instances[0], names))
        parts.append(
            Part(
                module,
                parameters,
                paths=tuple(instance.path for instance in instances),
                modules=frozenset(instance.module for instance in own),
                boxes=tuple(sorted({child.module for instance in own for child in instance.children} & names)),
                dsps_fp32=sum(instance.module == "DSPFP32" for instance in own),
            )
        )
    return parts


def _stored(part: Part) -> Path:
    """Where the figures of a part are kept; the name changes with all that they depend on."""
    digest = hashlib.sha256(Path(synth.__file__).read_bytes())
    digest.update(repr((version("pyosys"), part.module, part.parameters, TARGET, part.boxes)).encode())
    for path in core_files(CORE, flags=FLAGS).sources:
        if path.stem in part.modules or path.stem.endswith("_pkg"):
            digest.update(path.name.encode() + path.read_bytes())
    return CACHE / f"{part.module}-{digest.hexdigest()[:20]}.json"


def measure(part: Part, cached_only: bool = False) -> dict | None:
    """Figures of one instance of the part, from the cache if nothing has changed; None: not there and not wanted."""
    stored = _stored(part)
    if not stored.exists():
        if cached_only:
            return None
        figures = synth.synthesise(
            CORE, dict(part.parameters), toplevel=part.module, target=TARGET, black_boxes=part.boxes
        )
        CACHE.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps({name: figures[name] for name in FIGURES}))
    return json.loads(stored.read_text())


def row(part: Part, figures: dict | None) -> dict:
    """What the JSON file has of a part; without figures those are missing."""
    known = {"module": part.module, "parameters": dict(part.parameters), "paths": list(part.paths)}
    return {**known, "dsps_fp32": part.dsps_fp32, **(figures or {})}
