"""Committed figures and their page agree; the parts are those of the accelerator; targets hold."""

import json

import pytest

from verif.resources import generate, page, plan
from verif.resources.instances import elaborate
from verif.resources.measure import measure, parts_of, row

NAMES = frozenset(plan.PARTS)


@pytest.fixture(scope="module")
def committed():
    return json.loads(generate.COMMITTED.read_text())


@pytest.fixture(scope="module")
def top():
    return elaborate(plan.CONFIGURATION)


def test_page_is_that_of_the_committed_figures(committed):
    assert generate.PAGE.read_text() == page.page(committed), "docs/resources.md: `make resources` writes it"


def test_page_shows_another_figure(committed):
    """The comparison above can fail."""
    changed = json.loads(json.dumps(committed))
    changed["parts"][0]["dsps_fp32"] += 1
    assert page.page(changed) != generate.PAGE.read_text()


def test_targets_hold(committed):
    assert all(name in part for part in committed["parts"] for name in plan.TARGETS), "a part is not measured"
    sums = page.totals(committed["parts"])
    assert {name: sums[name] for name in plan.TARGETS if sums[name] > plan.TARGETS[name]} == {}


def test_parts_are_those_of_the_accelerator(committed, top):
    """Modules, parameters and instances of the committed figures are those of the RTL as it is now."""
    now = {(part.module, part.parameters): list(part.paths) for part in parts_of(top, NAMES)}
    then = {(row["module"], tuple(row["parameters"].items())): row["paths"] for row in committed["parts"]}
    assert now == then, "verif/resources/v80.json: `make resources` writes it"


def test_every_part_is_an_instance(top):
    found = {instance.module for instance in top.walk()}
    assert NAMES - found == set(), "plan.PARTS names modules that the configuration does not have"


def test_every_instance_is_in_one_part(top):
    """Parts cover the hierarchy, none twice."""
    parts = parts_of(top, NAMES)
    paths = [path for part in parts for path in part.paths]
    assert len(paths) == len(set(paths))
    covered = set().union(*(part.modules for part in parts))
    assert {instance.module for instance in top.walk()} == covered


def test_slices_lie_as_the_floorplan_says(committed, top):
    slices = next(row for row in committed["parts"] if row["module"] == "linear_synth_slice")
    places = [plan.slr_of(path) for path in slices["paths"]]
    assert [places.count(slr) for slr in range(plan.SLRS)] == [16, 24, 24]
    assert plan.slr_of("u_core/u_fetch") is None
    named = [f"u_core/{cell}" for cells in plan.project.CELLS_OF.values() for cell in cells]
    instances = {instance.path for instance in top.walk()}
    assert set(named) <= instances, "the floorplan names cells that are not there"


def test_committed_figures_of_a_part_are_those_of_a_run(committed, top):
    """One small part, synthesised or from the cache."""
    part = next(part for part in parts_of(top, NAMES) if part.module == "axi_read_mux")
    then = next(row for row in committed["parts"] if row["module"] == "axi_read_mux")
    assert row(part, measure(part)) == then


@pytest.mark.parametrize(("name", "value"), [("TOKENS", "3"), ("CONFIG", "v8")])
def test_a_build_that_is_not_there_is_refused(name, value, monkeypatch, capsys):
    before = generate.COMMITTED.read_bytes()
    monkeypatch.setenv(name, value)
    assert generate.main() == 2
    assert f"found {value}, allowed" in capsys.readouterr().err
    assert generate.COMMITTED.read_bytes() == before


def test_tokens_reach_every_slice():
    parts = parts_of(elaborate("v80", Tokens=4), NAMES)
    assert {dict(part.parameters)["Tokens"] for part in parts if part.module == "linear_synth_slice"} == {"4"}
