"""The table of results in docs/evaluation.md agrees with itself, and its picture with the table."""

from dataclasses import replace

import pytest

from verif.model.pareto import PAGE, PICTURE, draw, drawn, points

PAGE_TEXT = PAGE.read_text()


def test_ratios():
    """The column `to float` is the perplexity divided by the model's own."""
    level, rows = {}, points(PAGE_TEXT)
    for point in rows:
        level.setdefault(point.model, point.perplexity)
        assert point.ratio == pytest.approx(point.perplexity / level[point.model], abs=5.1e-4), point.name
    assert set(level) == {"shakespeare", "smollm2"}
    for model in level:  # covq and four sizes of wvq, and float
        assert len({(p.bits, "covq" in p.name) for p in rows if p.model == model}) == 6


def test_picture_is_of_this_table():
    assert drawn(PICTURE) == points(PAGE_TEXT), "run: .venv/bin/python -m verif.model.pareto"


def test_picture_of_another_table_is_noticed(tmp_path):
    rows = points(PAGE_TEXT.replace("| 31.559 |", "| 31.558 |"))
    draw(rows, tmp_path / "a.png")
    assert drawn(tmp_path / "a.png") == rows != points(PAGE_TEXT)
    assert [p for p in points(PAGE_TEXT) if p not in rows] == [replace(rows[4], perplexity=31.559)]
