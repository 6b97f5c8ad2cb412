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
TEMPLATES = {
    "cores": """\
| core | what | latency (cycles) | throughput | LUT | FF | DSP | BRAM | path (ns) | coverage |
|---|---|---|---|--:|--:|--:|--:|--:|--:|
{% for c in cores -%}
| [{{ c.name }}](docs/cores/{{ c.name }}.md) | {{ c.description }} | {{ c.latency }} | {{ c.throughput }} | \
{{ "{:,}".format(c.synth.luts) }} | {{ "{:,}".format(c.synth.ffs) }} | {{ c.synth.dsps }} | \
{{ "%g" % c.synth.brams }} | {{ "%.2f" % c.synth.path_ns }} | {{ "%.0f" % c.sim.coverage }} % of {{ c.sim.bins }} |
{% endfor %}""",
    "demo": """\
| linear | shape | mode | tokens | cycles | lookups/cycle | bytes read | port use | bits different |
|---|---|---|--:|--:|--:|--:|--:|--:|
{% for r in demo.linears -%}
| {{ r.linear }} | {{ r.shape | join("x") }} | {{ r.mode }} | {{ r.tokens }} | {{ "{:,}".format(r.cycles) }} | \
{{ "%.1f" % r.lookups_per_cycle }} | {{ "{:,}".format(r.bytes) }} | {{ "%.0f" % (100 * r.port_utilisation) }} % | \
{{ r.bits_different }} |
{% endfor %}""",
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
    """The highest figure of every unit, as one cell."""
    peak: dict[str, float] = {}
    for row in shown(rows):
        peak[row["unit"]] = max(peak.get(row["unit"], 0), row["measured"])
    return ", ".join(f"{value:.3g} {unit}" for unit, value in sorted(peak.items()))


def core_row(core: str) -> dict:
    sim = load(f"sim-{core}", f"make sim CORE={core}")
    return {
        "name": core,
        "description": yaml.safe_load((FUSESOC / f"{core}.core").read_text().partition("\n")[2])["description"],
        "sim": sim,
        "synth": load(f"synth-{core}", f"make synth CORE={core}"),
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
