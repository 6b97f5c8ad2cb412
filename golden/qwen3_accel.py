"""qwen3_accel: the named configurations of the accelerator, and which images fit them.

What it computes is the golden machine's business (`lutloom.machine`): the accelerator executes the same program from
the same image and equals it in every bit.
"""

from dataclasses import dataclass, replace

from lutloom.errors import UserError
from lutloom.hardware import CONFIGURATIONS as HARDWARE
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.image_format import hardware_hash
from lutloom.program import LOGITS, Attention, Descriptor, Gather, LinearSynth, LinearTable, RmsNorm, Search, decode
from lutloom.program_check import spans

PORT_NAMES = ("auxiliary", "codebooks", "packets", "rows")  # behind the weight streams, in this order


@dataclass(frozen=True)
class Configuration:
    """Parameters of the RTL beside those that an image depends on, as in qwen3_accel_pkg.sv."""

    hardware: Hardware
    frame_lines: int  # lines of activations on chip
    max_inputs: int  # of a linear
    max_positions: int  # of a linear
    max_hidden: int  # longest vector that is normed
    max_head_dim: int
    q_heads: int  # query heads of a key/value head
    table_positions: int  # of a co-quantised linear's table on chip
    stream_beats: int = 512  # that each weight stream runs ahead
    tokens: int = 1  # that share a reading of the weights, at most: a batch
    batches: int = 2  # of a pass at most: one at work beside the other

    @property
    def frame_lanes(self) -> int:
        """Values of a line of the frame and of every stream between engines."""
        return self.hardware.line

    @property
    def slices(self) -> int:
        """Lookup slices, each with a weight stream."""
        return self.hardware.slices

    @property
    def ports(self) -> int:
        """Memory ports."""
        return self.slices + len(PORT_NAMES)

    @property
    def whole_group(self) -> int:
        """A group of a linear is a multiple of it: whole units, whole lines."""
        return max(self.hardware.units, self.frame_lanes)

    def parameters(self) -> dict[str, int | str]:
        """What the RTL has to be built with: the number of the configuration and the hash of its hardware."""
        number = next(n for n, configuration in enumerate(CONFIGURATIONS.values()) if configuration is self)
        return {"Configuration": number, "HardwareHash": f"64'h{hardware_hash(self.hardware.dict()):016x}"}

    def check(self, image: Image) -> None:
        """Refuse an image that this configuration cannot run. UserError names the parameter."""
        found = {"frame_lines": -(-image.config["frame_words"] // self.frame_lanes)}
        for d in decode(image.section("program").tobytes(), str(image.path)):
            match d:
                case RmsNorm():
                    needs = {"max_hidden": d.n}
                case LinearSynth() | Search():
                    needs = {"max_inputs": d.inputs, "max_positions": d.positions}
                case Gather():
                    needs = {"max_positions": d.positions}
                case LinearTable():
                    needs = {"max_inputs": d.inputs, "max_positions": d.positions, "table_positions": d.positions}
                case Attention():
                    needs = {"max_head_dim": d.head_dim, "q_heads": d.heads // d.kv_heads}
                case _:
                    needs = {}
            for name, value in needs.items():
                found[name] = max(found.get(name, 0), value)
            self._check_lines(image, d)
        for name, value in found.items():
            if value > getattr(self, name):
                raise UserError(f"{image.path}: {name}: found {value}, allowed up to {getattr(self, name)}")

    def _check_lines(self, image: Image, d: Descriptor) -> None:
        """Refuse what does not lie on whole lines of the frame, and groups that are not whole units."""
        for name, first, words in spans(d):
            logits = name == "dst" and d.flags & LOGITS
            if first % self.frame_lanes or (words % self.frame_lanes and not logits):
                stage = image.config["stages"][d.stage]
                found = f"{words} words from {first}"
                raise UserError(
                    f"{image.path}: {stage}: {name}: found {found}, allowed multiples of {self.frame_lanes}"
                )
        if isinstance(d, LinearSynth | Gather) and d.group % self.whole_group:
            stage, allowed = image.config["stages"][d.stage], f"multiples of {self.whole_group}"
            raise UserError(f"{image.path}: {stage}: group: found {d.group}, allowed {allowed}")


CONFIGURATIONS = {
    "tiny": Configuration(HARDWARE["tiny"], 256, 1024, 1024, 256, 64, 2, 512, tokens=2),
    "small": Configuration(HARDWARE["small"], 512, 2048, 4096, 1024, 64, 4, 1024),
    "v80": Configuration(HARDWARE["v80"], 1024, 8192, 8192, 4096, 128, 2, 4096, 4096, tokens=2),
}
CONFIGURATIONS |= {  # a token a pass: its rows are its own
    f"{name}-gather": replace(CONFIGURATIONS[name], hardware=HARDWARE[f"{name}-gather"], tokens=1, batches=1)
    for name in ("v80", "tiny")
}


def configuration(name: str) -> Configuration:
    """A named configuration; UserError for an unknown one."""
    if name not in CONFIGURATIONS:
        raise UserError(f"configuration: found {name}, allowed {', '.join(CONFIGURATIONS)}")
    return CONFIGURATIONS[name]
