"""`make readme`: write the generated tables of README.md from build/results, between their markers.

    <!-- generated: cores -->  ...  <!-- end -->

A missing result file is an error that names the command which writes it; nothing in the tables is typed by hand.
"""

from __future__ import annotations

import json
import re
import shutil
import sys

import jinja2
import yaml

from verif.lib.corefiles import FUSESOC, cores
from verif.lib.paths import RESULTS, ROOT

README = ROOT / "README.md"
SYSTEM = "qwen3_accel"
TEMPLATES = {
    "cores": """\
| core | what | latency (cycles) | throughput | LUT | FF | DSP | BRAM | path (ns) | coverage |
|---|---|---|---|--:|--:|--:|--:|--:|--:|
{% for c in cores -%}
| [{{ c.name }}](docs/cores/{{ c.name }}.md) | {{ c.description }} | {{ c.latency }} | {{ c.throughput }} | \
{{ c.synth | join(" | ") }} | {{ "%.0f" % c.sim.coverage }} % of {{ c.sim.bins }} |
{% endfor %}""",
    "demo": """\
| | |
|---|--:|
| prompt, new tokens | {{ demo.prompt_tokens }}, {{ demo.new_tokens }} |
| tokens equal to golden | {{ demo.tokens_equal }} |
| values compared, bits different | {{ "{:,}".format(demo.values_compared) }}, {{ demo.bits_different }} |
| cycles a token (two slices) | {{ "{:,}".format(demo.cycles_per_token) }} |
| bytes of weights in all | {{ "{:,}".format(demo.counters.bytes.streams) }} |

""",
}


def load(name: str, command: str) -> dict:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path.relative_to(ROOT)} is not there; `{command}` writes it")
    return json.loads(path.read_text())


def shown(rows: list[dict]) -> list[dict]:
    """The rows of the default parameters, or all if there are none."""
    return [row for row in rows if row["parameters"] == "defaults"] or rows


def span(rows: list[dict]) -> str:
    """Lowest and highest of the figures, as one cell."""
    values = sorted({row["measured"] for row in shown(rows)})
    return "-" if not values else f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g}..{values[-1]:g}"


def best(rows: list[dict]) -> str:
    """The best figure of every unit, as one cell: the lowest where cycles are counted, else the highest."""
    figures: dict[str, list[float]] = {}
    for row in shown(rows):
        figures.setdefault(row["unit"], []).append(row["measured"])
    cells = []
    for unit, values in sorted(figures.items()):
        value = min(values) if unit.startswith("cycles") else max(values)
        cells.append(f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}")
    return ", ".join(cells)


def area(core: str) -> list[str]:
    """LUT, FF, DSP, BRAM and path; of the whole accelerator none: it is the sum of the others, see its page."""
    if core == SYSTEM:
        return ["-"] * 5
    synth = load(f"synth-{core}", f"make synth CORE={core}")
    counts = [f"{synth['luts']:,}", f"{synth['ffs']:,}", f"{synth['dsps']}", f"{synth['brams']:g}"]
    return [*counts, f"{synth['path_ns']:.2f}"]


def core_row(core: str) -> dict:
    sim = load(f"sim-{core}", f"make sim CORE={core}")
    return {
        "name": core,
        "description": yaml.safe_load((FUSESOC / f"{core}.core").read_text().partition("\n")[2])["description"],
        "sim": sim,
        "synth": area(core),
        "latency": span(sim["latency"]),
        "throughput": best(sim["throughput"]),
    }


def main() -> int:
    try:
        data = {"cores": [core_row(core) for core in cores()], "demo": load("demo", "make demo")}
    except FileNotFoundError as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 2
    text = README.read_text()
    for name, template in TEMPLATES.items():
        table = jinja2.Template(template).render(**data)
        marked = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.S)
        text, count = marked.subn(lambda m, table=table: f"{m[1]}{table}{m[2]}", text)
        if count != 1:
            print(f"error: {README.name}: {count} places marked `generated: {name}`, allowed: one", file=sys.stderr)
            return 2
    README.write_text(text)
    shutil.copyfile(RESULTS / "demo.png", ROOT / "docs" / "images" / "demo.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
