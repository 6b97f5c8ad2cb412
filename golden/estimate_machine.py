"""The accelerator in time, without values: when every line of every operation of a token is read and written.

The structure is that of the RTL; each number is a latency or a rate that the header of a core promises, or a named
constant below. Operations are gone through in the order of the program, since none waits for a later one: what an
operation does depends on the lines, stations, queues and port beats of those before it.

- Executor (accel_execute): an operation begins when its station is free, a few cycles behind the one before it.
- Frame (frame_order, frame_reader): a line is read when it is written, a line a cycle.
- Linears (linear_synth): two slices stand for all, those with the most and the least to do, since rounds go in
  lockstep. Block by block: port, buffer, splitter, ring of codebooks, rows, lookups, drain, the rounds' two banks.
- Ports: a beat a cycle times the efficiency of the memory, as far ahead as the buffer goes; keys and values go first.
- Auxiliary port: gains, RoPE rows, pairs and scales in the order of use, in front of queues of limited length.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lutloom import estimate_operations
from lutloom.attention_array import local_heads
from lutloom.errors import UserError
from lutloom.estimate_engines import (
    ATTENTION_BUFFER,
    EMBED,
    KV_COMMAND,
    NORM,
    OWN_KEY,
    QUERY,
    RESULT,
    ROPE,
    SAMPLER,
    SWIGLU,
    TREE,
)
from lutloom.estimate_linear import Linears, Slice
from lutloom.estimate_ports import Machine, Port
from lutloom.program import (
    Attention,
    Descriptor,
    Embed,
    End,
    Gather,
    LinearSynth,
    RmsNorm,
    Rope,
    Sample,
    Search,
    Swiglu,
)

# --- sequencer and frame: headers of accel_fetch, accel_prefetch, accel_execute, frame --------------------------------
NEXT_OPERATION = 4  # accel_execute: from operation to operation
OPERATIONS_QUEUED = 16  # accel_core u_operations
FETCHED = 3  # accel_fetch: start to the read 1, a descriptor's beats to its port 2
TAKEN = 2  # accel_prefetch: a descriptor, beside its reads and commands
FIRST_LINE = 8  # frame: start to the first line
LINE_READ = 3  # frame_reader: a line's request to its delivery, memory 2 and queue 1
LINE_WRITTEN = 3  # frame: written to asked for
ENDED = 1  # done_o is a register

# --- auxiliary port: accel_aux, accel_lines --------------------------------------------------------------------------
AUX_BUFFER = 512  # hbm_streamer BufferBeats
ROW_LINES = 16  # that wait
CONSTANT = 4  # accel_lines


@dataclass
class Operation:
    """When an operation was at work, as `lutloom perf` has it."""

    number: int
    stage: str
    first: float
    last: float


class Token:
    """A token's run through a program."""

    def __init__(
        self,
        machine: Machine,
        program: Sequence[Descriptor],
        stages: Sequence[str],
        context: int,
        ends: Mapping[int, Sequence[Collection[int]]],
    ):
        self.machine, self.program, self.stages, self.context = machine, program, stages, context
        self.written: dict[int, float] = defaultdict(float)  # by line: when it was written last
        self.read: dict[int, float] = defaultdict(float)
        self.writes: set[int] = set()  # cycles in which a line is written
        self.free: dict[str, float] = defaultdict(float)  # station -> its last operation's end
        self.norms = 0  # begun
        self.norm_in = self.norm_out = 0.0
        self.begun: list[float] = []
        self.issued: list[float] = []  # when the access half handed an operation on
        self.operations: list[Operation] = []
        self.aux = Port(machine.latency(far=True), machine.far_rate, AUX_BUFFER)
        rate = machine.gather_rate if any(isinstance(d, Gather) for d in program) else machine.stream_rate
        slices = [Slice(machine, Port(machine.latency(far=False), rate, machine.stream_beats)) for _ in range(2)]
        self.latency = slices[0].port.latency
        self.kv_rate = machine.kv_rate
        self.aux_taken = 0.0
        self.asked: list[float] = [0.0, 0.0]  # when the reads of the auxiliary port were issued
        self.used: dict[str, list[float]] = {"gain": [], "row": [], "scale": []}  # by queue: when each line left it
        self.pairs: list[tuple[int, float]] = []  # lists of pairs: beats, when they had left their queue
        self.linears = Linears(machine, slices)
        self.shared = [one.port for one in slices][: 1 + (machine.hardware.kv_ports >= machine.hardware.slices)]
        self.found = 0.0  # when the indices of the last Search are known
        self.ends = ends
        self.attended = 0.0
        self.kv_asked = 0.0  # beats of keys that were read ahead
        self.cycles = 0.0

    # --- lines of the frame -------------------------------------------------------------------------------------------

    def lines(self, word: int, words: int) -> range:
        """Of the frame."""
        lanes = self.machine.lanes
        return range(word // lanes, word // lanes + -(-words // lanes))

    def stream(self, lines: range, begin: float) -> list[float]:
        """When a reading stream delivers each line of a span."""
        found, time = [], begin + FIRST_LINE - LINE_READ - 1
        for line in lines:
            time = max(time + 1, self.written[line] + LINE_WRITTEN)
            self.read[line] = max(self.read[line], time)
            found.append(time + LINE_READ)
        return found

    def write(self, lines: range, times: Sequence[float]) -> float:
        """Results that come at `times` to their lines: when the last was written. One line a cycle, of all streams."""
        done = 0
        for line, time in zip(lines, times, strict=True):
            done = math.ceil(max(done + 1, time, self.read[line], self.written[line]))
            while done in self.writes:  # of an operation that began before
                done += 1
            self.writes.add(done)
            self.written[line] = done
        return done

    # --- access half --------------------------------------------------------------------------------------------------

    def ask(self, time: float) -> float:
        """When the auxiliary port takes one more read: it holds one behind the one that it issues."""
        return max(time + 1, self.asked[-2])

    def constants(self, queue: str, beats: int, room: int, request: float) -> float:
        """A line of constants: when it can be used. `used` must know when it is before the next line is asked for."""
        arrived = self.aux.read(beats, request)
        used = self.used[queue]
        place = used[-room] if len(used) >= room else 0.0
        self.aux_taken = max(self.aux_taken + beats, arrived, place)
        self.aux.take(self.aux_taken)
        return self.aux_taken + CONSTANT

    def constant_lines(self, queue: str, words: int, room: int, request: float) -> list[float]:
        """All lines of a read that fits its queue: when each can be used."""
        per = self.machine.lanes * 4 // self.machine.hardware.beat_bytes
        return [self.constants(queue, per, room, request) for _ in range(-(-words // self.machine.lanes))]

    # --- execution half -----------------------------------------------------------------------------------------------

    def station(self, d: Descriptor, norms: int) -> str:
        """Norms take turns at two stations; norms: begun before it."""
        if isinstance(d, RmsNorm):
            return f"norm{norms % 2}"
        if isinstance(d, Search | Gather):
            return LinearSynth.__name__  # the same station
        return type(d).__name__

    def run(self) -> float:
        """The cycles of the token. `operations` are complete then."""
        end = 0.0
        time = FETCHED + self.aux.latency  # of the first descriptor
        for number, d in enumerate(self.program):
            if isinstance(d, End):
                break
            queued = self.begun[number - OPERATIONS_QUEUED - 1] if number > OPERATIONS_QUEUED else 0.0
            time = max(time + TAKEN, queued)
            station = self.station(d, self.norms)
            time, work = self._access(d, time, number)
            self.issued.append(time)
            before = self.begun[-1] if self.begun else 0.0
            begin = max(before + NEXT_OPERATION, time + NEXT_OPERATION, self.free[station] + ENDED)
            self.begun.append(begin)
            if isinstance(d, RmsNorm):
                self.norms += 1
            last = work(begin) + ENDED
            self.free[station] = last
            self.operations.append(Operation(number, self.stages[d.stage], begin, last))
            end = max(end, last)
        return end + 1

    def _access(self, d: Descriptor, time: float, number: int):
        """What the access half does for an operation: when it hands it on, and its work from its begin to its end."""
        match d:
            case Embed():
                return self._embed(d, time)
            case RmsNorm():
                return self._norm(d, time)
            case Rope():
                return self._rope(d, time)
            case LinearSynth():
                return estimate_operations.linear(self, d, time, number)
            case Search():
                return estimate_operations.search(self, d, time)
            case Gather():
                return estimate_operations.gather(self, d, time, number)
            case Attention():
                return time + 1, lambda begin: self._attention(d, begin)
            case Swiglu():
                return time + 1, lambda begin: self._swiglu(d, begin)
            case Sample():
                levels = math.log2(self.machine.lanes)
                return time + 1, lambda begin: max(begin, self.free["LinearSynth"]) + levels + SAMPLER - ENDED
        raise UserError(f"program: found {type(d).__name__}, allowed those of linears on all slices")

    def _embed(self, d: Embed, time: float):
        asked = time + NEXT_OPERATION + 1  # embed: id to its read
        per = self.machine.lanes * 2 // self.machine.hardware.beat_bytes
        lines = self.lines(d.dst, d.n)
        arrived = []
        for _ in lines:
            self.aux_taken = max(self.aux_taken + per, self.aux.read(per, asked))
            self.aux.take(self.aux_taken)
            arrived.append(self.aux_taken + EMBED)
        self.asked.append(asked)
        return asked + 1, lambda begin: self.write(lines, [max(begin, t) for t in arrived])

    def _norm(self, d: RmsNorm, time: float):
        asked = self.ask(time)
        self.asked.append(asked)
        room = 2 * self.machine.max_hidden // self.machine.lanes
        gains = self.constant_lines("gain", d.n, room, asked)

        def work(begin: float) -> float:
            m, per = self.machine, d.n // self.machine.lanes
            latency = TREE * (math.log2(m.lanes) + math.log2(m.max_hidden // m.lanes)) + NORM
            source, out = self.stream(self.lines(d.src, d.n * d.count), begin), []
            for vector in range(d.count):
                for line in source[vector * per : (vector + 1) * per]:
                    self.norm_in = max(self.norm_in + 1, line)
                for line in range(per):
                    ready = gains[line] if vector == 0 else 0.0
                    self.norm_out = max(self.norm_out + 1, self.norm_in + latency + line, ready)
                    out.append(self.norm_out)
                    if vector == 0:
                        self.used["gain"].append(self.norm_out)
            return self.write(self.lines(d.dst, d.n * d.count), out)

        return asked + 1, work

    def _rope(self, d: Rope, time: float):
        asked = self.ask(time + 1)
        self.asked.append(asked)
        row = self.constant_lines("row", d.head_dim, ROW_LINES, asked)

        def work(begin: float) -> float:
            per = d.head_dim // self.machine.lanes
            self.used["row"] += [max(begin, time) for time in row]
            source, out, last = self.stream(self.lines(d.src, d.head_dim * d.count), begin), [], 0.0
            for head in range(d.count):
                half = max(source[head * per + per // 2], row[-1])
                for line in range(per):
                    last = max(last + 1, half + ROPE + line, source[head * per + line])
                    out.append(last)
            return self.write(self.lines(d.dst, d.head_dim * d.count), out)

        return asked + 1, work

    def _swiglu(self, d: Swiglu, begin: float) -> float:
        gate, up = self.stream(self.lines(d.gate, d.n), begin), self.stream(self.lines(d.up, d.n), begin)
        return self.write(self.lines(d.dst, d.n), [max(a, b) + SWIGLU for a, b in zip(gate, up, strict=True)])

    # --- attention ----------------------------------------------------------------------------------------------------

    def _kv_beats(self, d: Attention) -> tuple[int, int]:
        """Beats of a position on a port, and of all kv heads of an engine; the own position comes from the chip."""
        hardware = self.machine.hardware
        position = d.head_dim // (16 * hardware.kv_ways)
        beats = (self.context - 1) * position
        if hardware.kv_bits == 8:
            beats = beats // 2 + -(-self.context // 8)
        return position, local_heads(d.kv_heads, hardware.kv_engines) * beats

    def read_ahead(self, number: int, begin: float) -> float:
        """The next attention reads keys and values from its begin on, while this linear is at work: until when."""
        norms = self.norms
        for d in self.program[number + 1 :]:
            if isinstance(d, LinearSynth | Search | Gather | End):
                break
            begin = max(begin + NEXT_OPERATION, self.free[self.station(d, norms)] + ENDED)
            norms += isinstance(d, RmsNorm)
            if isinstance(d, Attention):
                self.kv_asked = min(self._kv_beats(d)[1], ATTENTION_BUFFER)
                first, cycles = begin + KV_COMMAND + self.latency, self.kv_asked / self.kv_rate
                self.share(first, cycles)
                return first + cycles
        return 0.0

    def share(self, begin: float, cycles: float) -> None:
        """Keys and values have their ports to themselves for so many cycles."""
        for port in self.shared:
            port.share(begin, cycles)

    def _attention(self, d: Attention, begin: float) -> float:
        m, n = self.machine, self.context
        per, beats = self._kv_beats(d)
        group, lines = d.heads // d.kv_heads, d.head_dim // m.lanes
        last = (n - 1) % 16 + 1  # positions of the last block
        full = (n - 1) // 16
        own = 6 if full else 0
        late = max(0, 12 * per - 33 + (16 - last) * (per + 1)) if full else max(0, 12 * per - 27)
        levels = TREE * math.log2(m.max_head_dim / 16)
        query = QUERY + levels + last + own + late + 1
        key = OWN_KEY + levels + last - 1 + own + max(0, 12 * per - 27) * (per > 2)
        results = group * d.head_dim / (4 * m.hardware.kv_ways) + m.q_heads - group
        step = max(n * per, full * max(16 * per, 20) + max(16 * per, last + 4), results)

        q = self.stream(self.lines(d.q, d.heads * d.head_dim), begin)
        k = self.stream(self.lines(d.k, d.kv_heads * d.head_dim), begin)
        self.stream(self.lines(d.v, d.kv_heads * d.head_dim), k[-1])
        memory = begin + KV_COMMAND + self.latency
        memory += self.kv_asked / self.kv_rate
        if beats > self.kv_asked:  # the rest comes as the first is used
            used = max(q[group * lines - 1] + self.latency, memory)
            cycles = (beats - self.kv_asked) / self.kv_rate
            memory = used + cycles
            self.share(used, cycles)
        self.kv_asked = 0.0
        engines = [self.attended] * m.hardware.kv_engines  # when each engine can take the next head
        heads = local_heads(d.kv_heads, m.hardware.kv_engines)
        out, time = [], 0.0
        for head in range(d.kv_heads):
            engine, nth = head % m.hardware.kv_engines, head // m.hardware.kv_engines
            begins = max(q[(head + 1) * group * lines - 1], engines[engine])
            engines[engine] = begins + step
            # the last position's beats come no sooner than memory gave those before
            through = max(begins + n * per, memory - (heads - 1 - nth) * (n - 1) * per / self.kv_rate)
            first = max(through + query, k[(head + 1) * lines - 1] + key)
            for line in range(group * lines):
                time = max(time + 1, first + RESULT * line)
                out.append(time)
        self.attended = max(engines) - step + n * per if heads == 1 else max(engines)
        return self.write(self.lines(d.dst, d.heads * d.head_dim), out)


def cycles_by_stage(operations: Sequence[Operation], end: float) -> dict[str, float]:
    """Cycles of every stage: where several operations are under way the oldest has them; "" where none is."""
    found: dict[str, float] = defaultdict(float)
    time = 0.0  # up to here all cycles are given away
    for operation in operations:
        if operation.first > time:
            found[""] += operation.first - time
            time = operation.first
        if operation.last > time:
            found[operation.stage] += operation.last - time
            time = operation.last
    found[""] += end - time
    return dict(found)


def simulate(
    machine: Machine,
    program: Sequence[Descriptor],
    config: Mapping,
    context: int,
    ends: Mapping[int, Sequence[Collection[int]]] = {},
) -> Token:
    """Run a token that attends to `context` positions.

    config: section "config" of the image; ends: by descriptor, see `Linears.rounds`.
    """
    token = Token(machine, program, config["stages"], context, ends)
    token.cycles = token.run()
    return token
