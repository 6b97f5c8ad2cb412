"""What the command `estimate` is asked about: a model by shape, hardware parameters, a token."""

from dataclasses import dataclass, field, replace

from lutloom.errors import UserError
from lutloom.estimate_plan import Planned, plan
from lutloom.estimate_ports import WINDOW_BEATS, Machine
from lutloom.perf import ROOM
from lutloom.program import Attention, LinearSynth, RmsNorm, Search
from lutloom.qwen3_accel import Configuration, configuration
from lutloom.synthetic import Synthetic
from lutloom.wvq import MAX_GROUP


@dataclass(frozen=True)
class Case:
    """What is estimated: a model, hardware parameters, a token."""

    model: str = "qwen3-1.7b"
    configuration: str = "v80"
    context: int = 256
    bits: float = 2.0
    head_bits: float | None = None
    group: int = 512
    layers: int | None = None
    seed: int = 0
    clock: float = 250
    memory: str = "hbm"
    hardware: dict[str, int] = field(default_factory=dict)  # what differs from the configuration's
    stream_beats: int | None = None
    drain_w: int | None = None
    scheme: str = "wvq"

    def synthetic(self) -> Synthetic:
        """The model by shape."""
        head = self.bits if self.head_bits is None else self.head_bits
        return Synthetic(self.model, self.bits, head, self.seed, self.group, self.layers, self.scheme)

    def rtl(self) -> Configuration:
        """The configuration with what differs. UserError for illegal parameters."""
        base = configuration(self.configuration)
        found = replace(base, hardware=replace(base.hardware, **self.hardware))
        if self.group % found.whole_group or self.group > MAX_GROUP:
            allowed = f"multiples of {found.whole_group} up to {MAX_GROUP}"
            raise UserError(f"--group: found {self.group}, allowed {allowed}")
        if self.stream_beats is not None and self.stream_beats < WINDOW_BEATS:
            raise UserError(f"--stream-beats: found {self.stream_beats}, allowed from {WINDOW_BEATS}")
        drains = [n for n in (1, 2, 4, 8) if 4 * n <= found.hardware.units]  # of linear_synth
        if self.drain_w is not None and self.drain_w not in drains:
            raise UserError(f"--drain-w: found {self.drain_w}, allowed {', '.join(map(str, drains))}")
        return replace(found, stream_beats=self.stream_beats or base.stream_beats)

    def machine(self, planned: Planned) -> Machine:
        """Its time. Lengths that the configuration has no room for count as if it had: `beyond` names them."""
        rtl, program = self.rtl(), planned.program
        hidden = max(d.n for d in program if isinstance(d, RmsNorm))
        positions = max(d.positions for d in program if isinstance(d, LinearSynth | Search))
        heads = next(d for d in program if isinstance(d, Attention))
        return Machine(
            rtl.hardware,
            rtl.stream_beats,
            max(rtl.max_hidden, 1 << (hidden - 1).bit_length()),
            max(rtl.max_positions, 1 << (positions - 1).bit_length()),
            max(rtl.max_head_dim, heads.head_dim),
            max(rtl.q_heads, heads.heads // heads.kv_heads),
            self.drain_w,
            self.clock,
            self.memory,
            planned.apart,
        )

    def planned(self) -> Planned:
        """The image without weights."""
        synthetic = self.synthetic()
        if not 1 <= self.context <= synthetic.cfg.max_position_embeddings:
            raise UserError(f"--context: found {self.context}, allowed 1..{synthetic.cfg.max_position_embeddings}")
        room = max(min(ROOM, synthetic.cfg.max_position_embeddings), self.context)
        return plan(synthetic, self.rtl().hardware, room)
