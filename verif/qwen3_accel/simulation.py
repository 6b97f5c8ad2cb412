"""The accelerator in Verilator as a token generator: build, run in the background, hand on the tokens as they come."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from lutloom.errors import UserError
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.qwen3_accel import CONFIGURATIONS, Configuration
from lutloom.sampler import sample
from verif.lib.paths import BUILD
from verif.lib.runner import SimulationFailed, build, simulate

NEXT_TOKEN = (1 << 32) - 1  # in place of a stage, in a trace
POLL = 0.05  # seconds
PASS_BEGINS, PASS_ENDS = 16, 17  # in a timeline
LAST_STAGES = ("model.norm", "lm_head")  # of a prompt's tokens only the last runs them


def configuration_of(image: Image) -> Configuration:
    """The named configuration that an image was compiled for. UserError: there is none, or the image does not fit."""
    for configuration in CONFIGURATIONS.values():
        if configuration.hardware.dict() == image.config["hardware"]:
            configuration.check(image)
            return configuration
    raise UserError(f"{image.path}: hardware: found {image.config['hardware']}, allowed {', '.join(CONFIGURATIONS)}")


def build_simulation(configuration: Configuration) -> Path:
    """Verilate and compile it, unless that has been done."""
    return build("qwen3_accel", target="sim", parameters=configuration.parameters())


@dataclass
class Run:
    """One run of the accelerator: `tokens` yields while it goes on, the rest is there afterwards.

    trace: keep every line that is computed, see `stages`.
    hbm_ns: period of the memory's clock, 0 if it has none of its own.
    """

    image: Image
    prompt: list[int]
    count: int
    temperature: float = 0.0
    seed: int = 0
    stop: bool = True
    trace: bool = False
    hbm_ns: float = 0.0
    name: str = "generate"
    cycles: list[int] = field(default_factory=list)  # of every token; the first one's include the prompt
    counters: dict = field(default_factory=dict)
    ended_by: str = ""

    @property
    def folder(self) -> Path:
        """Where job, result and trace lie."""
        return BUILD / "accelerator" / self.name

    def tokens(self) -> Iterator[int]:
        """Run, yield the tokens. UserError: the accelerator reports an error; SimulationFailed: the simulator does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        job, result, trace = (self.folder / name for name in ("job.json", "result.jsonl", "trace.bin"))
        fields = {key: getattr(self, key) for key in ("count", "temperature", "seed", "stop")}
        prompt = [int(token) for token in self.prompt]
        job.write_text(
            json.dumps(
                fields | {"image": str(Path(self.image.path).resolve()), "prompt": prompt, "result": str(result)}
            )
        )
        for file in (result, trace, trace.with_suffix(".bin.timeline")):
            file.unlink(missing_ok=True)
        failures: list[SimulationFailed] = []
        parameters, env = configuration_of(self.image).parameters(), {"LUTLOOM_JOB": job}
        if self.hbm_ns:
            parameters, env = parameters | {"HbmClock": 1}, env | {"LUTLOOM_HBM_NS": self.hbm_ns}

        def work() -> None:
            try:
                simulate(
                    "qwen3_accel", "verif.qwen3_accel.run", name=self.name, target="sim",
                    parameters=parameters, env=env,
                    plusargs=(f"+accel_trace={trace}",) if self.trace else (), waves_on_failure=False,
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
            done = len(lines)
            if not alive:
                return
            time.sleep(POLL)

    def operations(self) -> list[dict]:
        """Of a traced run's last pass: stage, first cycle of the pass, cycles, lines moving, waiting for constants.

        "control" is what lies between two operations. The cycles add up to the pass.
        """
        records = np.fromfile(self.folder / "trace.bin.timeline", "<i4").reshape(-1, 5)
        begin = np.flatnonzero(records[:, 0] == PASS_BEGINS)[-1]
        records = records[begin : begin + 1 + np.flatnonzero(records[begin:, 0] == PASS_ENDS)[0]]
        names, start, found = self.image.config["stages"], int(records[0, 2]), []
        for (unit, stage, first, _, _), (*_, last, moving, memory) in pairwise(records.tolist()):
            if last > first:
                name = names[stage] if 0 < unit < PASS_BEGINS else "control"
                found.append(
                    {"stage": name, "first": first - start, "cycles": last - first, "moving": moving, "memory": memory}
                )
        return found

    def stages(self) -> Iterator[tuple[str, np.ndarray]]:
        """(stage, lines float32 [n, lanes]) of every stage of token after token, in the order of the program.

        The accelerator works on several operations at once; each writes its lines in order.
        """
        lanes, names = configuration_of(self.image).frame_lanes, self.image.config["stages"]
        records = np.fromfile(self.folder / "trace.bin", np.dtype([("stage", "<u4"), ("line", "<f4", lanes)]))
        starts = np.flatnonzero(records["stage"] == NEXT_TOKEN)
        for token in np.split(records, starts)[1:]:
            for stage in np.unique(token["stage"][1:]):
                yield names[stage], token["line"][token["stage"] == stage]


@dataclass(frozen=True)
class Comparison:
    """A run against the golden machine on the same prompt."""

    tokens: list[int]  # golden's
    values: int  # compared
    bits_different: int  # in them
    first: str = ""  # the first stage that differs


def compare(run: Run, tokens: int | None = None) -> Comparison:
    """Every value of a traced run's prompt and of its first `tokens` (default all) against the golden machine's."""
    machine, stages = Machine(run.image), run.stages()
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
