"""perf-check: what is worse is named and ends with exit code 1; the page is made of the reference."""

import json

import pytest
from typer.testing import CliRunner

from lutloom import perf
from lutloom.cli import app
from lutloom.errors import UserError
from lutloom.perf_check import PAGE, REFERENCE, compare, page_text, read_reference, summary_of


@pytest.fixture
def measured(tmp_path, monkeypatch) -> dict:
    """A reference of one measurement, and a result that is exactly it; `write` writes both anew."""
    ports = {"read": 50, "written": 1, "waiting": 10, "held": 0, "full": 30, "idle": 10}
    decode = {
        "cycles": 1000, "port_utilisation": 0.5, "bytes_total": 32_000, "bound_cycles": 500, "streams": ports,
        "groups": {"lm_head": {"cycles": 400}, "self_attn.attention": {"cycles": 600}}, "context": 9,
    }  # fmt: skip
    report = {"decode": decode, "check": {"values": 5, "bits_different": 0, "tokens_equal": True}}
    report |= {"model": "toy", "hardware": "tiny", "clock": 250, "synthetic": {"bits": 2.0, "scheme": "wvq"}}
    entry = summary_of(report)
    entry["options"] = {"model": "toy", "hardware": "tiny", "context": 9, "bits": 2, "scheme": "wvq", "clock": 250}
    monkeypatch.setattr(perf, "RESULTS", tmp_path)

    def write() -> list[str]:
        (tmp_path / "reference.json").write_text(json.dumps({"toy": entry}))
        (tmp_path / "perf-toy.json").write_text(json.dumps(report))
        return ["perf-check", "--measured", "--reference", str(tmp_path / "reference.json")]

    return {"report": report, "write": write, "entry": entry}


@pytest.mark.parametrize("cycles,code", [(1000, 0), (1020, 0), (1021, 1), (500, 0)])
def test_two_per_cent(measured, cycles, code):
    measured["report"]["decode"]["cycles"] = cycles
    measured["report"]["decode"]["groups"]["lm_head"]["cycles"] += cycles - 1000
    result = CliRunner().invoke(app, measured["write"]())
    assert result.exit_code == code, result.output
    assert ("error: toy: 1,021 cycles a token, +2.1%; allowed 1,020" in result.output) == bool(code)
    assert not code or "most of it in lm_head" in result.output


@pytest.mark.parametrize("change", [{"bits_different": 1}, {"tokens_equal": False}])
def test_values_that_are_not_golden_s(measured, change):
    measured["report"]["check"].update(change)
    result = CliRunner().invoke(app, measured["write"]())
    assert result.exit_code == 1 and "not golden's" in result.output


@pytest.mark.parametrize(
    "name,value", [("model", "x"), ("hardware", "v80"), ("context", 8), ("bits", 3), ("scheme", "covq"), ("clock", 300)]
)
def test_a_result_of_other_options_is_refused(measured, name, value):
    measured["entry"]["options"][name] = value
    with pytest.raises(UserError, match=rf"perf-toy.json: {name}: found .*, allowed {value}, the reference's"):
        CliRunner().invoke(app, measured["write"](), catch_exceptions=False)


def test_update(measured, tmp_path):
    """The reference that was named, without the committed page; and only values that are golden's."""
    page, measured["report"]["decode"]["cycles"] = PAGE.read_bytes(), 900
    arguments = [*measured["write"](), "--update"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_reference(tmp_path / "reference.json")["toy"]["cycles"] == 900 and PAGE.read_bytes() == page
    measured["report"]["check"]["bits_different"] = 1
    arguments = [*measured["write"](), "--update"]
    before = (tmp_path / "reference.json").read_bytes()
    with pytest.raises(UserError, match="--update: found values that are not golden's in toy"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert (tmp_path / "reference.json").read_bytes() == before


def test_unknown_model_and_no_result(measured, tmp_path):
    arguments = measured["write"]()
    with pytest.raises(UserError, match="--model: found x, allowed toy"):
        CliRunner().invoke(app, [*arguments, "--model", "x"], catch_exceptions=False)
    del measured["report"]["decode"]["groups"]
    for damaged in ("{}", "[]", '{"decode": 9}', json.dumps(measured["report"])):
        (tmp_path / "perf-toy.json").write_text(damaged)
        with pytest.raises(UserError, match=r"perf-toy.json: found no result \(.*\), allowed that of lutloom perf$"):
            CliRunner().invoke(app, arguments, catch_exceptions=False)
    (tmp_path / "perf-toy.json").unlink()
    with pytest.raises(UserError, match="found no result"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    (tmp_path / "reference.json").write_text('{"toy": {}}')
    with pytest.raises(UserError, match="found no reference"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_page_is_made_of_the_reference():
    entries = read_reference(REFERENCE)
    assert page_text(PAGE.read_text(), entries) == PAGE.read_text()
    assert not compare(entries, entries)
