"""Area of a configuration, part by part: every distinct part is synthesised once, without the parts inside it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.progress import track

from verif.lib import synth
from verif.lib.corefiles import core_files
from verif.lib.paths import BUILD
from verif.resources.instances import CORE, FLAGS, Instance

CACHE = BUILD / "synth-cache"
TARGET = "versal"
FIGURES = ("luts", "luts_memory", "ffs", "dsps", "dsps_fp32", "brams", "urams", "path_ns")


@dataclass(frozen=True)
class Part:
    """Instances of one module with one set of parameters, less the parts inside them."""

    module: str
    parameters: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    modules: frozenset[str]  # all that is synthesised with it, itself too
    boxes: tuple[str, ...]  # modules of parts directly inside it


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
    return [
        Part(
            module,
            parameters,
            tuple(instance.path for instance in instances),
            frozenset(own.module for own in _own(instances[0], names)),
            tuple(sorted({c.module for own in _own(instances[0], names) for c in own.children} & names)),
        )
        for (module, parameters), instances in found.items()
    ]


def _key(part: Part, sources: list[Path]) -> str:
    """Of all that a part's figures depend on."""
    digest = hashlib.sha256(Path(synth.__file__).read_bytes())
    digest.update(repr((version("pyosys"), part.module, part.parameters, TARGET, part.boxes)).encode())
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def measure(part: Part) -> dict:
    """Figures of one instance of the part, from the cache if nothing has changed."""
    sources = core_files(CORE, flags=FLAGS).sources
    paths = [path for path in sources if path.stem in part.modules or path.stem.endswith("_pkg")]
    stored = CACHE / f"{part.module}-{_key(part, paths)}.json"
    if not stored.exists():
        figures = synth.synthesise(
            CORE,
            dict(part.parameters),
            toplevel=part.module,
            target=TARGET,
            black_boxes=part.boxes,
        )
        CACHE.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps({name: figures[name] for name in FIGURES}))
    return json.loads(stored.read_text())


def measure_all(parts: list[Part]) -> list[dict]:
    """A row for each part: module, parameters, paths, figures of one instance."""
    return [
        {
            "module": part.module,
            "parameters": dict(part.parameters),
            "paths": list(part.paths),
            **measure(part),
        }
        for part in track(parts, description="Yosys", transient=True)
    ]
