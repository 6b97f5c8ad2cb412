"""The picture in docs/evaluation.md: bits per weight against perplexity, relative to float, of both models.

    .venv/bin/python -m verif.model.pareto

It is drawn from the table of results on that page, and carries the points it shows in its metadata, so that a test
notices when table and picture disagree.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from verif.lib.paths import ROOT

PAGE, PICTURE = ROOT / "docs" / "evaluation.md", ROOT / "docs" / "images" / "pareto.png"
POINTS = "points"  # key of the metadata
COLUMNS = 9  # from the name of the quantised model on
MARKERS, COLOURS = ("o", "s"), ("#2a6f97", "#e76f51")


@dataclass(frozen=True)
class Point:
    """A row of the table; name, ratio (to float) and bits (in all) as they stand there. ratio 1 and bits 0: float."""

    model: str
    name: str
    perplexity: float
    ratio: float
    bits: float


def points(page: str) -> list[Point]:
    """The rows of the table of results."""
    table, model, found = page.partition("\n## Results\n")[2], "", []
    for row in re.findall(r"^\| (.*) \|$", table, re.MULTILINE):
        first, name, perplexity, ratio, *rest = (cell.strip() for cell in row.split("|"))
        if len(rest) != COLUMNS - 4 + 1 or not re.fullmatch(r"[0-9.]+", perplexity):
            continue
        model = first.strip("`") or model
        found.append(Point(model, name.replace("`", ""), float(perplexity), float(ratio or 1), float(rest[3] or 0)))
    return found


def drawn(path: Path) -> list[Point]:
    """The points that a picture shows."""
    with Image.open(path) as image:
        return [Point(**each) for each in json.loads(image.text[POINTS])]


def draw(found: list[Point], path: Path) -> None:
    """Write the picture: both models in one plane, the schemes by marker, the points of wvq joined."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    level = {p.model: p.perplexity for p in found if not p.bits}
    for model, colour in zip(level, COLOURS, strict=True):
        for scheme, marker in zip(("wvq", "covq"), MARKERS, strict=True):
            own = [p for p in found if p.model == model and p.bits and ("covq" in p.name) == (scheme == "covq")]
            best = {p.bits: p.perplexity for p in own}  # of equal size the last row, which was trained longest
            above = [100 * (y / level[model] - 1) for y in best.values()]
            line = "-" if scheme == "wvq" else ""
            axes.plot(list(best), above, marker + line, color=colour, linewidth=1, label=f"{model}, {scheme}")
            for (x, perplexity), y in zip(best.items(), above, strict=True):
                axes.annotate(f"{perplexity:.2f}", (x, y), (6, 4), textcoords="offset points", fontsize=8)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.margins(0.1)
    axes.set_xlabel("bits per weight, everything stored (decoder linears and head)")
    axes.set_ylabel("perplexity above float")
    floats = ", ".join(f"{model} {perplexity:.2f}" for model, perplexity in level.items())
    axes.set_title(f"Perplexity on the golden machine; float: {floats}", fontsize=10)
    axes.grid(True, alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130, metadata={POINTS: json.dumps([asdict(p) for p in found])})


def main() -> None:
    draw(points(PAGE.read_text()), PICTURE)
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
