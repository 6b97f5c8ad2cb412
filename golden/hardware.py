"""Hardware parameters that an image depends on. Image and accelerator agree on every one: their hash is in both."""

from dataclasses import asdict, dataclass, replace

from lutloom.attention import KV_BITS
from lutloom.attention_array import port_bytes
from lutloom.errors import UserError

MIN_BEAT_BYTES = 16  # a job header is one beat and has 12 bytes
MAX_OUTPUTS = 8192  # of a slice: linear_synth
ROW_BYTES = 32  # of a gathered row: 16 entries of 16 bits, one beat


@dataclass(frozen=True)
class Hardware:
    """One configuration of the accelerator. Names as the RTL's parameters in snake case."""

    slices: int = 2  # lookup slices, each with its own stream port
    lanes: int = 2  # positions a slice looks up in a cycle
    units: int = 32  # outputs a slice looks up in a cycle
    slots: int = 32  # outputs per unit: a group has at most units * slots outputs
    centroids: int = 64  # largest weight codebook
    act_centroids: int = 64  # activation centroids of covq
    beat_bytes: int = 32  # of every memory port
    entry_bits: int = 16  # of a row entry
    acc_bits: int = 32
    kv_bits: int = 16  # of the key/value cache: 16 is bf16, 8 is int8 with a scale per token and head
    kv_engines: int = 1  # attention engines: kv head h is engine h % kv_engines's
    kv_ways: int = 1  # ports an engine has for keys, and as many for values
    gather: int = 0  # 1: covq linears run on all slices, rows gathered over their ports (`lutloom.linear_gather`)

    def __post_init__(self):
        powers = {"slices": 64, "lanes": 8, "units": 64, "beat_bytes": 64, "kv_engines": 8, "kv_ways": 4}
        for name, most in powers.items():
            value = getattr(self, name)
            if value < 1 or value > most or value & (value - 1):
                raise UserError(f"hardware: {name}: found {value}, allowed a power of two up to {most}")
        if self.beat_bytes < MIN_BEAT_BYTES:
            raise UserError(f"hardware: beat_bytes: found {self.beat_bytes}, allowed {MIN_BEAT_BYTES} to 64")
        if self.kv_bits not in KV_BITS:
            raise UserError(f"hardware: kv_bits: found {self.kv_bits}, allowed {', '.join(map(str, KV_BITS))}")
        if self.kv_bits == 8 and self.kv_ways > 1:
            raise UserError(f"hardware: kv_bits: found 8 with kv_ways {self.kv_ways}, allowed 16, or 8 with 1")
        if self.kv_ports > max(self.slices, 2):
            raise UserError(f"hardware: kv_engines x kv_ways: found {self.kv_ports // 2}, allowed half the slices")
        if self.gather not in (0, 1):
            raise UserError(f"hardware: gather: found {self.gather}, allowed 0, 1")
        if self.gather and self.beat_bytes != ROW_BYTES:
            raise UserError(f"hardware: gather: found 1 with beat_bytes {self.beat_bytes}, allowed 0, or 1 with 32")
        if not 1 <= self.slots <= MAX_OUTPUTS // self.units:
            raise UserError(f"hardware: slots: found {self.slots}, allowed 1..{MAX_OUTPUTS // self.units}")
        if self.lanes * self.units * 4 != self.beat_bytes * 8:
            found = f"{self.lanes} x {self.units}"
            raise UserError(
                f"hardware: lanes x units: found {found}, allowed {self.beat_bytes * 2} 4-bit indices a beat"
            )

    @property
    def line(self) -> int:
        """Outputs of a line: as many as attention's ways take at a time."""
        return 16 * self.kv_ways

    @property
    def kv_ports(self) -> int:
        """Stream ports that reach a part of the cache: even ones keys, odd ones values."""
        return 2 * self.kv_engines * self.kv_ways

    def kv_port_bytes(self, kv_heads: int, room: int, head_dim: int) -> int:
        """Bytes of a layer's keys, or values, behind one port: whole units of 64."""
        return port_bytes(kv_heads, room, head_dim, self.kv_engines, self.kv_ways, self.kv_bits)

    def dict(self) -> dict[str, int]:
        """The parameters by name, as the image stores and hashes them."""
        return asdict(self)


CONFIGURATIONS = {
    "tiny": Hardware(slices=2),
    "small": Hardware(slices=8),
    "v80": Hardware(slices=64, slots=16, centroids=16, kv_engines=8, kv_ways=4),
}
CONFIGURATIONS |= {f"{name}-gather": replace(CONFIGURATIONS[name], gather=1) for name in ("v80", "tiny")}


def configuration(name: str) -> Hardware:
    """A named configuration; UserError for an unknown one."""
    if name not in CONFIGURATIONS:
        raise UserError(f"--hardware: found {name}, allowed {', '.join(CONFIGURATIONS)}")
    return CONFIGURATIONS[name]
