"""What a register is: address, access, fields. The registers are in `lutloom.host.registers`, which is generated."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Register:
    """A 32-bit register, or `count` of them, `stride` bytes apart.

    Attributes:
        access: "r", "w" or "rw".
        fields: name -> (lowest bit, bits).
        reset: value after reset of what the register itself holds; None if hardware gives it.
        locked: writes have no effect during a run.
    """

    name: str
    address: int
    access: str
    fields: Mapping[str, tuple[int, int]] = field(compare=False)
    reset: int | None = None
    locked: bool = False
    count: int = 1
    stride: int = 4

    def at(self, index: int = 0) -> int:
        """Byte address. IndexError outside `count`."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self.name}[{index}]: allowed 0..{self.count - 1}")
        return self.address + index * self.stride

    @property
    def mask(self) -> int:
        """The bits that belong to fields."""
        return sum(((1 << bits) - 1) << low for low, bits in self.fields.values())

    def pack(self, **values: int) -> int:
        """A word from field values; fields not named are 0. ValueError if one does not fit."""
        word = 0
        for name, value in values.items():
            low, bits = self.fields[name]
            if not 0 <= value < 1 << bits:
                raise ValueError(f"{self.name}.{name}: found {value}, allowed 0..{(1 << bits) - 1}")
            word |= value << low
        return word

    def unpack(self, word: int) -> dict[str, int]:
        """The fields of a word."""
        return {name: word >> low & (1 << bits) - 1 for name, (low, bits) in self.fields.items()}
