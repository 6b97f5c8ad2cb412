"""The command `perf-check`: cycles of today against the committed ones, and the page that shows the committed ones.

docs/performance.json has what was measured, an entry a measurement, with the options of `lutloom perf` that repeat it.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lutloom import perf, perf_report
from lutloom.errors import UserError
from lutloom.files import write_file

ROOT = Path(__file__).resolve().parents[1]
REFERENCE, PAGE = ROOT / "docs" / "performance.json", ROOT / "docs" / "performance.md"
ALLOWED = 0.02  # more cycles than the reference
BEGIN, END = "<!-- generated: {} -->", "<!-- end -->"


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("perf-check")(perf_check_command)


def perf_check_command(
    model: Annotated[str | None, typer.Option(help="Only the measurements of this model.")] = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="Take the results in build/results, run nothing.")
    ] = False,
    update: Annotated[bool, typer.Option("--update", help="Make what was measured the reference.")] = False,
    reference: Annotated[Path, typer.Option(help="The committed figures.")] = REFERENCE,
) -> None:
    """Measure again what the reference has; exit code 1 above 2 % more cycles a token, or if it is not golden's."""
    entries = read_reference(reference)
    chosen = {name: entry for name, entry in entries.items() if model in (None, entry["options"]["model"])}
    if not chosen:
        known = ", ".join(sorted({entry["options"]["model"] for entry in entries.values()}))
        raise UserError(f"--model: found {model}, allowed {known}, those of {reference}")
    found = {}
    for name, entry in chosen.items():
        out = perf.RESULTS / f"perf-{name}.json"
        if not measured:
            perf.perf_command(**entry["options"], out=out)
        found[name] = read_summary(out, entry["options"])
    problems = compare(chosen, found)
    show(chosen, found, Console(highlight=False))
    if update:
        if wrong := [name for name in chosen if not found[name]["exact"]]:
            raise UserError(
                f"--update: found values that are not golden's in {', '.join(wrong)}, allowed golden's only"
            )
        entries |= {name: entry | found[name] for name, entry in chosen.items()}
        write_file(reference, (json.dumps(entries, indent=1) + "\n").encode())
        typer.echo(f"wrote {reference}")
        if reference.resolve() == REFERENCE:
            write_page(entries)
            typer.echo(f"wrote {PAGE}")
    elif problems:
        for problem in problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1)


def read_reference(path: Path) -> dict[str, dict]:
    """Name -> entry. UserError for a file that is none."""
    try:
        entries = json.loads(path.read_text())
        for entry in entries.values():
            entry["options"]["model"], int(entry["cycles"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: found no reference ({type(error).__name__}: {error}), allowed that of perf-check"
        ) from None
    return entries


def read_result(path: Path) -> dict:
    """What `lutloom perf` wrote."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: found no result ({error}), allowed that of lutloom perf") from None


def read_summary(path: Path, options: dict) -> dict:
    """`summary_of` a token's result. UserError for a file that is none, or was measured with other options."""
    report = read_result(path)
    try:
        found = report | (report["synthetic"] or {}) | {"context": report["decode"]["context"]}
        summary = summary_of(report)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: found no result ({error}), allowed that of lutloom perf") from None
    for name, value in options.items():
        if found.get(name) != value:
            raise UserError(f"{path}: {name}: found {found.get(name)}, allowed {value}, the reference's")
    return summary


def summary_of(report: dict) -> dict:
    """What is committed of a result."""
    decode = report["decode"]
    return {
        "cycles": decode["cycles"],
        "port_utilisation": round(decode["port_utilisation"], 4),
        "bytes": decode["bytes_total"],
        "bound_cycles": decode["bound_cycles"],
        "exact": "check" in report and report["check"]["tokens_equal"] and not report["check"]["bits_different"],
        "values": report.get("check", {}).get("values", 0),
        "operations": {name: group["cycles"] for name, group in decode["groups"].items()},
        "streams": decode["streams"],
    }


def compare(reference: dict[str, dict], found: dict[str, dict]) -> list[str]:
    """A line for every measurement that is worse than it may be."""
    problems = []
    for name, entry in reference.items():
        cycles, allowed = found[name]["cycles"], entry["cycles"] * (1 + ALLOWED)
        if cycles > allowed:
            worst = max(
                found[name]["operations"], key=lambda o: found[name]["operations"][o] - entry["operations"].get(o, 0)
            )
            problems.append(
                f"{name}: {cycles:,} cycles a token, {cycles / entry['cycles'] - 1:+.1%}; allowed {int(allowed):,} "
                f"(2 % above the reference); most of it in {worst}"
            )
        if not found[name]["exact"]:
            problems.append(f"{name}: the RTL's values or token were not golden's")
    return problems


def show(reference: dict[str, dict], found: dict[str, dict], console: Console) -> None:
    """Old and new."""
    table = Table("measurement", "reference", "cycles", "change", "ports in use")
    for name, entry in reference.items():
        cycles = found[name]["cycles"]
        change = f"{cycles / entry['cycles'] - 1:+.2%}" if entry["cycles"] else "new"
        table.add_row(name, f"{entry['cycles']:,}", f"{cycles:,}", change, f"{found[name]['port_utilisation']:.1%}")
    console.print(table)


# --- the page ---------------------------------------------------------------------------------------------------------


def write_page(entries: dict[str, dict], page: Path = PAGE) -> None:
    """Put the tables of the reference where the page has their marks."""
    write_file(page, page_text(page.read_text(), entries).encode())


def page_text(text: str, entries: dict[str, dict]) -> str:
    """The page with the tables of the reference."""
    for name, make in {"tokens": token_table, "operations": operation_table, "lut-llm": lutllm_table}.items():
        before, mark, rest = text.partition(BEGIN.format(name))
        if not mark or END not in rest:
            raise UserError(f"{PAGE}: found no {BEGIN.format(name)} with {END}, allowed one")
        text = before + mark + "\n" + make(entries) + rest[rest.index(END) :]
    return text


def command_of(entry: dict) -> str:
    """What repeats a measurement."""
    options = [f"--{key.replace('_', '-')} {value}" for key, value in entry["options"].items()]
    return "lutloom perf " + " ".join(options)


def token_table(entries: dict[str, dict]) -> str:
    """A row a measurement."""
    rows = []
    for entry in entries.values():
        cycles = entry["cycles"]
        times = tuple(f"{cycles / clock / 1000:.3f}" for clock in perf.CLOCKS)
        use = (f"{entry['bytes'] / 1e6:.1f}", f"{entry['bound_cycles']:,}", f"{entry['port_utilisation']:.1%}")
        rows.append((f"`{command_of(entry)}`", f"{cycles:,}", *times, *use, f"{entry['values']:,}"))
    times = tuple(f"ms at {clock} MHz" for clock in perf.CLOCKS)
    use = ("MB", "cycles for the bytes", "ports in use")
    return perf_report.table(("command", "cycles", *times, *use, "values compared"), rows)


def operation_table(entries: dict[str, dict]) -> str:
    """Cycles of every kind of operation, a column a measurement."""
    largest = {
        name: max(entry["operations"].get(name, 0) / entry["cycles"] for entry in entries.values())
        for entry in entries.values()
        for name in entry["operations"]
    }
    names = sorted(largest, key=lambda name: (-largest[name], name))
    rows = [(o, *(f"{e['operations'].get(o, 0):,}" for e in entries.values())) for o in names]
    for work, (heading, _) in perf_report.PORT_WORK.items():
        shares = (
            perf_report.share(e["streams"][work], sum(e["streams"][w] for w in perf_report.PORT_WORK))
            for e in entries.values()
        )
        rows.append((f"stream ports: {heading}", *shares))
    return perf_report.table(("", *entries), rows)


def lutllm_table(entries: dict[str, dict]) -> str:
    """LUT-LLM beside the measurement of the same model and context."""
    for entry in entries.values():
        options = entry["options"]
        if (options["model"], options["hardware"], options["context"]) == (perf_report.LUTLLM_MODEL, "v80", 256):
            return perf_report.table(
                ("", "LUT-LLM", "here"), perf_report.beside(entry["cycles"], entry["bytes"], 64 * 32)
            )
    return "Not measured.\n"
