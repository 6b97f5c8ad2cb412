"""`make readme`: write the generated tables of README.md and of the cores' pages, between their markers.

    <!-- generated: cores -->  ...  <!-- end -->

The figures are those of docs/figures.json, in which what lies in build/results takes the place of what was there: after
a change of one core `make sim CORE=<it>`, `make synth CORE=<it>` and `make readme` suffice. Nothing in the tables is
typed by hand, and a test compares them with the figures.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import jinja2
import yaml

from verif.lib.corefiles import FUSESOC, cores
from verif.lib.paths import RESULTS, ROOT

README = ROOT / "README.md"
FIGURES = ROOT / "docs" / "figures.json"
PAGES = ROOT / "docs" / "cores"
SUMS = ("attention_array", "qwen3_accel")  # no area: it is the sum of that of other cores, see their pages
AREA = ("luts", "luts_memory", "ffs", "dsps", "brams", "urams", "path_ns")  # of a synthesis
DEMO = ("prompt_tokens", "new_tokens", "tokens_equal", "values_compared", "bits_different", "cycles_per_token")
TEMPLATES = {
    "cores": """\
| core | what | latency (cycles) | throughput | LUT | FF | DSP | BRAM | URAM | path (ns) | coverage |
|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|
{% for c in cores -%}
| [{{ c.name }}](docs/cores/{{ c.name }}.md) | {{ c.description }} | {{ c.latency }} | {{ c.throughput }} | \
{% if c.area %}{{ "{:,}".format(c.area.luts) }}{{ " (older)" if c.area.older }} | \
{{ "{:,}".format(c.area.ffs) }} | {{ c.area.dsps }} | \
{{ "%g" % c.area.brams }} | {{ c.area.urams }} | {{ "%.2f" % c.area.path_ns }} | \
{% else %}- | - | - | - | - | - | {% endif %}\
{{ "%.0f" % c.coverage }} % of {{ c.bins }} |
{% endfor %}""",
    "demo": """\
| | |
|---|--:|
| prompt, new tokens | {{ demo.prompt_tokens }}, {{ demo.new_tokens }} |
| tokens equal to golden | {{ demo.tokens_equal }} |
| values compared, bits different | {{ "{:,}".format(demo.values_compared) }}, {{ demo.bits_different }} |
| cycles a token (two slices) | {{ "{:,}".format(demo.cycles_per_token) }} |
| bytes of weights in all | {{ "{:,}".format(demo.weight_bytes) }} |

""",
    "area": """\
| LUTs | of these memory | FFs | DSPs | BRAMs | URAMs | path, ns |
|--:|--:|--:|--:|--:|--:|--:|
| {{ "{:,}".format(area.luts) }}{{ " (older)" if area.older }} | \
{{ "-" if area.luts_memory is none else "{:,}".format(area.luts_memory) }} | {{ "{:,}".format(area.ffs) }} | \
{{ area.dsps }} | {{ "%g" % area.brams }} | {{ area.urams }} | {{ "%.2f" % area.path_ns }} |
{% if area.older %}
Older: with longer fp32 units than today's.
{% endif %}
""",
}


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


def load(name: str) -> dict:
    """Results of this name in build/results; empty if there are none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def updated(figures: dict) -> dict:
    """The committed figures with what is new in build/results.

    Raises FileNotFoundError where neither has them; it names the command.
    """
    cells = {}
    for core in cores():
        cells[core] = dict(figures.get("cores", {}).get(core, {}))
        sim = load(f"sim-{core}")
        if sim and not sim["failures"]:
            cells[core] |= {"latency": span(sim["latency"]), "throughput": best(sim["throughput"])}
            cells[core] |= {"coverage": sim["coverage"], "bins": sim["bins"]}
        if synth := load(f"synth-{core}"):
            cells[core]["area"] = {name: synth[name] for name in AREA}
        for part, command in {"coverage": "sim", "area": "synth"}.items():
            if part not in cells[core] and not (part == "area" and core in SUMS):
                raise FileNotFoundError(f"{core}: no {part}; `make {command} CORE={core}` measures it")
    found = load("demo")
    demo = {n: found[n] for n in DEMO} | {"weight_bytes": found["counters"]["bytes"]["streams"]} if found else {}
    if not demo and "demo" not in figures:
        raise FileNotFoundError("no run of the demo; `make demo` is one")
    return {"cores": cells, "demo": demo or figures["demo"]}


def pages(figures: dict) -> dict[Path, str]:
    """README.md and the cores' pages as they should be. ValueError: a page without its one mark."""
    rows = [{"name": core, "description": description(core), **cells} for core, cells in figures["cores"].items()]
    texts = {README: README.read_text()}
    for table in ("cores", "demo"):
        texts[README] = marked(README, texts[README], table, {"cores": rows, "demo": figures["demo"]})
    for core, cells in figures["cores"].items():
        if core not in SUMS:
            page = PAGES / f"{core}.md"
            texts[page] = marked(page, page.read_text(), "area", cells)
    return texts


def description(core: str) -> str:
    """What the .core says."""
    return yaml.safe_load((FUSESOC / f"{core}.core").read_text().partition("\n")[2])["description"]


def marked(page: Path, text: str, table: str, data: dict) -> str:
    """`text` of `page` with the table between its marks."""
    marks = re.compile(rf"(<!-- generated: {table} -->\n).*?(<!-- end -->)", re.S)
    content = jinja2.Template(TEMPLATES[table]).render(**data)
    text, count = marks.subn(lambda m: f"{m[1]}{content}{m[2]}", text)
    if count != 1:
        raise ValueError(f"{page.relative_to(ROOT)}: {count} places marked `generated: {table}`, allowed: one")
    return text


def main() -> int:
    try:
        figures = updated(json.loads(FIGURES.read_text()) if FIGURES.exists() else {})
        texts = pages(figures)
    except (FileNotFoundError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    for page, text in texts.items():
        page.write_text(text)
    if (RESULTS / "demo.png").exists():
        shutil.copyfile(RESULTS / "demo.png", ROOT / "docs" / "images" / "demo.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
