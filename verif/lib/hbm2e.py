"""Remote control of the HBM2e behind every hbm_port.sv of this simulation, for testbenches.

    hbm = Hbm()                                 # inside the simulator; contents and faults: AxiMemory
    hbm.set(clock=400, map=1, streams=2)        # from the next reset on; times in picoseconds
    hbm.parameters()["tRCDRD"]                  # Parameter(value=12000, unit="ps", source="gem5, DRAMSys")
    hbm.clear(); ...; hbm.channel(0).efficiency; hbm.port(3).latency

Every figure stands in the table of hbm2e.cpp and nowhere else. `SOURCES` are the files to compile:
`simulate(extra_sources=SOURCES)`. docs/hbm2e.md says what is modelled.
"""

import ctypes
import os
from dataclasses import dataclass

from verif.lib.axi_memory import SOURCES as MEMORY_SOURCES
from verif.lib.axi_memory import remote

SOURCES = (MEMORY_SOURCES[1], "verif/lib/hbm_port.sv", "verif/lib/hbm2e.cpp")
_INT, _I64, _TEXT = ctypes.c_int, ctypes.c_int64, ctypes.c_char_p


class _Row(ctypes.Structure):
    _fields_ = (("name", _TEXT), ("value", _I64), ("least", _I64), ("most", _I64), ("unit", _TEXT), ("source", _TEXT))


_FUNCTIONS = {
    "parameter": (_INT, _INT, ctypes.POINTER(_Row)),
    "set": (_INT, _INT, _I64),
    "clear": (_INT,),
    "channel": (_INT, _INT, ctypes.POINTER(_I64)),
    "port": (_INT, _INT, ctypes.POINTER(_I64)),
}


@dataclass(frozen=True)
class Parameter:
    """A row of the table."""

    value: int
    least: int
    most: int
    unit: str
    source: str


@dataclass(frozen=True)
class ChannelStatistics:
    """What a pseudo-channel did since `Hbm.clear` or a reset; accesses are of 32 bytes, times in memory clocks."""

    reads: int
    writes: int
    hits: int  # the row was open
    misses: int  # the bank was closed
    conflicts: int  # another row was open
    busy: int  # time with data on the bus
    refresh: int  # time in which only a refresh could go on
    refreshes: int
    turns: int  # of the bus, between reading and writing
    clocks: int  # time altogether

    @property
    def efficiency(self) -> float:
        """Data moved / what the bus could have moved."""
        return self.busy / self.clocks if self.clocks else 0.0


@dataclass(frozen=True)
class PortStatistics:
    """What came and went at a port since `Hbm.clear` or a reset."""

    beats_read: int
    beats_written: int
    bursts_read: int
    latency_sum: int  # ps, of all bursts read: from the address taken to the first beat valid
    latency_most: int  # ps
    bursts_written: int  # answered

    @property
    def latency(self) -> float:
        """ps, average of the bursts read."""
        return self.latency_sum / self.bursts_read if self.bursts_read else 0.0


class Hbm:
    """See the module. All of them are the same HBM. RuntimeError outside a simulation that was built with it."""

    CHANNELS = 32

    def __init__(self):
        self._call = remote("LUTLOOM_HBM2E", _FUNCTIONS, SOURCES)

    def parameters(self) -> dict[str, Parameter]:
        """The table, with what `set` changed."""
        row, found = _Row(), {}
        while not self._call["parameter"](len(found), ctypes.byref(row)):
            found[row.name.decode()] = Parameter(row.value, row.least, row.most, row.unit.decode(), row.source.decode())
        return found

    def set(self, **values: int) -> None:
        """Other values from the next reset on. ValueError for unknown names and values outside the table's range."""
        table = self.parameters()
        for name, value in values.items():
            if name not in table:
                raise ValueError(f"hbm2e: parameter: found {name}, allowed {', '.join(table)}")
            if self._call["set"](list(table).index(name), value):
                raise ValueError(f"hbm2e: {name}: found {value}, allowed {table[name].least} to {table[name].most}")

    def clear(self) -> None:
        """Statistics begin again."""
        self._call["clear"]()

    def _statistics(self, kind: str, number: int, fields: int) -> list[int]:
        values = (_I64 * fields)()
        problem = self._call[kind](number, values)
        if problem:
            raise OSError(problem, f"hbm2e.{kind}({number}): {os.strerror(problem)}")
        return list(values)

    def channel(self, number: int) -> ChannelStatistics:
        """Of pseudo-channel `number`. OSError if there is none."""
        return ChannelStatistics(*self._statistics("channel", number, len(ChannelStatistics.__dataclass_fields__)))

    def port(self, number: int) -> PortStatistics:
        """Of port `number`. OSError if there is none."""
        return PortStatistics(*self._statistics("port", number, len(PortStatistics.__dataclass_fields__)))
