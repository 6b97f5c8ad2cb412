"""The accelerator in Verilator as a token generator: build, run in the background, hand on the tokens as they come."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from lutloom.errors import UserError
from lutloom.image import Image
from lutloom.kv_state import KvState
from lutloom.machine import Machine, WeightCache
from lutloom.qwen3_accel import CONFIGURATIONS, Configuration
from lutloom.sampler import sample
from lutloom.synthetic import random_state
from verif.lib.paths import BUILD
from verif.lib.runner import SimulationFailed, build, simulate

POLL = 0.05  # seconds
PORTS = ("clk_i", "rst_ni", "hbm_clk_i", "hbm_rst_ni", "s_axil_*", "irq_o")  # of the bench, that cocotb sees
# Of a timeline, see accel_trace.cpp.
FIELDS = ("what", "number", "stage", "unit", "cycle", "moving", "constants")
PORT_COUNTS = ("read", "written", "held", "waiting", "full")
PASS_BEGINS, BEGINS, ENDS, PASS_ENDS = range(4)
LAST_STAGES = ("model.norm", "lm_head")  # of a prompt's tokens only the last runs them
CONTROL = "control"  # the cycles in which no operation is under way


def configuration_of(image: Image) -> Configuration:
    """The named configuration that an image was compiled for. UserError: there is none, or the image does not fit."""
    for configuration in CONFIGURATIONS.values():
        if configuration.hardware.dict() == image.config["hardware"]:
            configuration.check(image)
            return configuration
    raise UserError(f"{image.path}: hardware: found {image.config['hardware']}, allowed {', '.join(CONFIGURATIONS)}")


def build_options(
    hbm: bool = False,
    hbm_clock: bool = False,
    fast: bool = False,
    tokens: int | None = None,
    batches: int | None = None,
) -> dict:
    """Of `build` and `simulate`.

    fast: for long runs: no assertions, more of the C++ compiler's optimisation. tokens, batches: of a batch, of a
    pass, if not the configuration's.
    """
    parameters = {"Hbm": 1} if hbm else {}
    parameters |= {"Tokens": tokens} if tokens else {}
    parameters |= {"Batches": batches} if batches else {}
    parameters |= {"HbmClock": 1} if hbm_clock else {}
    options = {"target": "sim", "public": PORTS}
    return options | ({"optimise": "-O1", "assertions": False} if fast else {}) | {"parameters": parameters}


def build_simulation(configuration: Configuration, **options) -> Path:
    """Verilate and compile it, unless that has been done. options: of `build_options`."""
    chosen = build_options(**options)
    chosen["parameters"] = configuration.parameters() | chosen["parameters"]
    return build("qwen3_accel", **chosen)


@dataclass
class Operation:
    """An operation of a pass; cycles count from the beginning of the pass."""

    number: int  # of its descriptor, plus 65,536 times the place of its (first) token in the pass
    stage: str
    unit: int
    first: int
    last: int  # its end


@dataclass
class Interval:
    """What happened between two events of a pass: the numbers of the operations under way, oldest first, and counts."""

    first: int
    last: int
    active: tuple[int, ...]
    moving: int  # cycles in which a line of activations moved
    constants: int  # cycles in which work waited for constants
    ports: np.ndarray  # int64 [ports, PORT_COUNTS], see there


@dataclass
class Timeline:
    """A pass of the program."""

    cycles: int
    operations: list[Operation]
    intervals: list[Interval]


@dataclass
class Run:
    """One run of the accelerator: `tokens` yields while it goes on, the rest is there afterwards.

    trace: keep every line that is computed, see `stages`; timeline: only what `timeline` needs.
    hbm_ns: period of the memory's clock, 0 if it has none of its own.
    hbm: parameters of the HBM2e behind the ports (docs/hbm2e.md); empty: a memory of fixed latency.
    text, random_text: what is in the KV cache at the start: a file of `KvState`, or arguments of `random_state`.
    fast: a build for long runs, without assertions. width, batches: tokens of a batch, batches
    of a pass, if not the configuration's.
    report: called as report(operations ended, cycle of the last event) while it runs, with a timeline or a trace.
    """

    image: Image
    prompt: list[int]
    count: int
    temperature: float = 0.0
    seed: int = 0
    stop: bool = True
    trace: bool = False
    timeline_only: bool = False
    hbm_ns: float = 0.0
    hbm: dict = field(default_factory=dict)
    text: Path | None = None
    random_text: dict = field(default_factory=dict)
    fast: bool = False
    width: int | None = None
    batches: int | None = None
    name: str = "generate"
    report: Callable[[int, int], None] | None = None
    cycles: list[int] = field(default_factory=list)  # of every token; the first one's include the prompt
    counters: dict = field(default_factory=dict)
    memory: dict = field(default_factory=dict)  # statistics of the HBM2e
    ended_by: str = ""

    @property
    def folder(self) -> Path:
        """Where job, result and trace lie."""
        return BUILD / "accelerator" / self.name

    def tokens(self) -> Iterator[int]:
        """Run, yield the tokens. UserError: the accelerator reports an error; SimulationFailed: the simulator does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._told = self._ended = 0  # events of the timeline, ends among them, that `report` has heard of
        job, result, trace = (self.folder / name for name in ("job.json", "result.jsonl", "trace.bin"))
        fields = {key: getattr(self, key) for key in ("count", "temperature", "seed", "stop", "hbm", "random_text")}
        fields["text"] = str(self.text) if self.text else None
        prompt = [int(token) for token in self.prompt]
        job.write_text(
            json.dumps(
                fields | {"image": str(Path(self.image.path).resolve()), "prompt": prompt, "result": str(result)}
            )
        )
        for file in (result, trace, trace.with_suffix(".bin.timeline")):
            file.unlink(missing_ok=True)
        failures: list[SimulationFailed] = []
        options = build_options(bool(self.hbm), bool(self.hbm_ns), self.fast, self.width, self.batches)
        env = {"LUTLOOM_JOB": job}
        options["parameters"] = configuration_of(self.image).parameters() | options["parameters"]
        if self.hbm_ns:
            env |= {"LUTLOOM_HBM_NS": self.hbm_ns}
        plusargs = (f"+accel_trace={trace}",) if self.trace or self.timeline_only else ()
        plusargs += ("+accel_no_lines",) if self.timeline_only and not self.trace else ()

        def work() -> None:
            try:
                simulate(
                    "qwen3_accel", "verif.qwen3_accel.run", name=self.name, env=env, plusargs=plusargs,
                    waves_on_failure=False, **options,
                )  # fmt: skip
            except SimulationFailed as failure:
                failures.append(failure)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield from self._follow(result, thread)
        thread.join()
        if failures and not self.ended_by:
            raise failures[0]

    def _follow(self, result: Path, thread: threading.Thread) -> Iterator[int]:
        """The tokens in the result file, as it grows."""
        done = 0
        while True:
            alive = thread.is_alive()  # before reading: what was written last is read
            lines = result.read_text().split("\n")[:-1] if result.exists() else []
            for line in lines[done:]:
                record = json.loads(line)
                if "error" in record:
                    thread.join()
                    raise UserError(record["error"])
                if "token" in record:
                    self.cycles.append(record["cycles"])
                    yield record["token"]
                else:
                    self.ended_by, self.counters = record["ended_by"], record["counters"]
                    self.memory = record["hbm"]
            done = len(lines)
            if self.report is not None:
                self._report()
            if not alive:
                return
            time.sleep(POLL)

    def _events(self, first: int = 0) -> np.ndarray:
        """The timeline so far, from event `first` on: int64 [events, FIELDS and then all ports' counts]."""
        path = self.folder / "trace.bin.timeline"
        if not path.exists() or path.stat().st_size < 4:
            return np.zeros((0, len(FIELDS)), np.int64)
        width = len(FIELDS) + int(np.fromfile(path, "<u4", 1)[0]) * len(PORT_COUNTS)
        words = np.fromfile(path, "<i8", offset=4 + 8 * width * first)
        return words[: len(words) // width * width].reshape(-1, width)

    def _report(self) -> None:
        events = self._events(self._told)
        if len(events):
            self._told += len(events)
            self._ended += int((events[:, 0] == ENDS).sum())
            self.report(self._ended, int(events[-1, 4]))

    def passes(self) -> list[int]:
        """Cycles of every pass of a run with a trace or a timeline."""
        events = self._events()
        begins, ends = (events[events[:, 0] == what, 4] for what in (PASS_BEGINS, PASS_ENDS))
        return (ends - begins).tolist()

    def timeline(self) -> Timeline:
        """The last pass of a run with a trace or a timeline."""
        events = self._events()
        begin = np.flatnonzero(events[:, 0] == PASS_BEGINS)[-1]
        events = events[begin : begin + 1 + np.flatnonzero(events[begin:, 0] == PASS_ENDS)[0]]
        start, names = int(events[0, 4]), self.image.config["stages"]
        operations: dict[int, Operation] = {}
        active: list[int] = []
        intervals = []
        for before, now in pairwise(events):
            what, number, stage, unit, cycle = (int(value) for value in before[:5])
            if what == BEGINS:
                operations[number] = Operation(number, names[stage], unit, cycle - start, 0)
                active.append(number)
            elif what == ENDS:
                operations[number].last = cycle - start
                active.remove(number)
            counts = now[5:] - before[5:]
            if now[4] > before[4]:
                ports = counts[2:].reshape(-1, len(PORT_COUNTS))
                span = (cycle - start, int(now[4]) - start)
                intervals.append(Interval(*span, tuple(active), int(counts[0]), int(counts[1]), ports))
        return Timeline(int(events[-1, 4]) - start, list(operations.values()), intervals)

    def stages(self) -> Iterator[tuple[str, np.ndarray]]:
        """(stage, lines float32 [n, words]) of every operation of a traced run: token by token, as the program goes.

        Operations of one stage that follow each other are given as one.
        """
        path, names = self.folder / "trace.bin", self.image.config["stages"]
        if path.stat().st_size < 12:
            return
        words = int(np.fromfile(path, "<u2", 1, offset=8)[0])
        heads = [("pass", "<u4"), ("number", "<u2"), ("stage", "<u2"), ("words", "<u2"), ("place", "<u2")]
        records = np.fromfile(path, [*heads, ("line", "<f4", words)])
        records = records[
            np.lexsort([records[key] for key in ("number", "place", "pass")])
        ]  # stable: lines stay in order
        edges = np.flatnonzero(np.any([np.diff(records[key]) != 0 for key in ("stage", "place", "pass")], 0)) + 1
        for part in np.split(records, edges):
            yield names[part["stage"][0]], part["line"]


@dataclass(frozen=True)
class Comparison:
    """A run against the golden machine on the same prompt."""

    tokens: list[int]  # golden's
    values: int  # compared
    bits_different: int  # in them
    first: str = ""  # the first stage that differs


def compare(run: Run, tokens: int | None = None) -> Comparison:
    """Every value of a traced run's prompt and of its first `tokens` (default all) against the golden machine's."""
    passes = len(run.prompt) + (run.count if tokens is None else tokens)
    machine = Machine(run.image, weights=WeightCache() if passes > 2 else WeightCache(keep=0))
    stages = run.stages()
    if run.text:
        machine.restore(KvState.read(run.text, run.image))
    elif run.random_text:
        machine.restore(random_state(run.image, **run.random_text))
    feed, expected, values, different, first = list(run.prompt), [], 0, 0, ""
    while feed:
        last = len(feed) == 1
        results: list[tuple[str, np.ndarray]] = []
        machine.trace = lambda stage, found, results=results: results.append((stage, found[-1].copy()))
        logits = machine.run(np.array([feed.pop(0)]))[-1]
        for stage, right in _joined(results):
            if not last and stage in LAST_STAGES:
                continue
            name, lines = next(stages, ("nothing", np.zeros(0, np.float32)))
            found = lines.ravel()[: right.size].view(np.uint32)
            wrong = 32 * right.size
            if name == stage and found.size == right.size:
                wrong = int(np.bitwise_count(found ^ right.view(np.uint32)).sum())
            if wrong and not first:
                first = f"token {machine.position - 1}, {stage} (the accelerator's stage: {name})"
            values, different = values + right.size, different + wrong
        if last:
            expected.append(sample(logits, run.temperature, run.seed, len(expected)))
            feed = expected[-1:] if len(expected) < (run.count if tokens is None else tokens) else []
    return Comparison(expected, values, different, first)


def _joined(results: list[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """Descriptors of one stage (the groups of a co-quantised linear) as one."""
    for stage, parts in groupby(results, key=lambda result: result[0]):
        yield stage, np.concatenate([values for _, values in parts])
