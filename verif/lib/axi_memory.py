"""Remote control of the memory behind every axi_memory.sv of this simulation, for testbenches.

    memory = AxiMemory()                       # inside the simulator
    memory.load("model.img", 0)                # a file; whole pages are mapped, so it takes no time
    memory.write(address, data); memory.read(address, 64)
    memory.fail(Direction.READ, 0x1000, 0x1FFF, AxiMemory.SLVERR)
    memory.fail_nth(port, Direction.READ, n);  memory.silence(port, Direction.READ, n);  memory.heal()
    memory.settings(port, latency=200, rate=128, stall=30)          # from the next reset on

Nothing of it costs anything while the simulation runs. `SOURCES` are the files to compile:
`simulate(extra_sources=SOURCES)`.
"""

import ctypes
import os
from enum import IntEnum
from pathlib import Path

import numpy as np

SOURCES = ("verif/lib/axi_memory.sv", "verif/lib/axi_memory.cpp")
VARIABLE = "LUTLOOM_AXI_MEMORY"  # axi_memory.cpp leaves the address of its table of functions here
_INT, _U64, _BYTES = ctypes.c_int, ctypes.c_uint64, ctypes.c_void_p
# in the order of the table: result, an errno except that of `beats`, and arguments
_FUNCTIONS = {
    "write": (_INT, _U64, _BYTES, _U64),
    "read": (_INT, _U64, _BYTES, _U64),
    "load": (_INT, ctypes.c_char_p, _U64),
    "erase": (_INT,),
    "limit": (_INT, _U64),
    "fail_range": (_INT, _INT, _INT, _U64, _U64, _INT),
    "fail_nth": (_INT, _INT, _INT, _U64, _INT),
    "silence": (_INT, _INT, _INT, _U64),
    "heal": (_INT,),
    "settings": (_INT, _INT, _INT, _INT, _INT),
    "beats": (_U64, _INT, _INT),
}


class Direction(IntEnum):
    """Which channel of a port."""

    READ = 0
    WRITE = 1


def remote(variable: str, functions: dict, sources: tuple) -> dict:
    """The functions of a C++ model in this simulation; `functions`: name -> (result, *arguments), in table order."""
    process, _, address = os.environ.get(variable, "").partition(":")
    if process != str(os.getpid()):
        raise RuntimeError(f"{variable}: this process has no {Path(sources[-1]).stem}, see {', '.join(sources)}")
    table = (ctypes.c_void_p * len(functions)).from_address(int(address, 16))
    return {
        name: ctypes.CFUNCTYPE(*types)(pointer) for (name, types), pointer in zip(functions.items(), table, strict=True)
    }


class AxiMemory:
    """See the module. All of them are the same memory. RuntimeError outside a simulation that was built with it."""

    SLVERR, DECERR = 2, 3
    EVERY_PORT = -1

    def __init__(self):
        self._call = remote(VARIABLE, _FUNCTIONS, SOURCES)

    def _do(self, name: str, *arguments) -> None:
        problem = self._call[name](*arguments)
        if problem:
            raise OSError(problem, f"axi_memory.{name}{arguments}: {os.strerror(problem)}")

    def write(self, address: int, data: bytes | np.ndarray) -> None:
        """Put bytes at an address. OSError outside the memory."""
        data = np.ascontiguousarray(np.frombuffer(data, np.uint8) if isinstance(data, bytes | bytearray) else data)
        self._do("write", address, data.ctypes.data, data.nbytes)

    def read(self, address: int, count: int) -> np.ndarray:
        """uint8 [count]. OSError outside the memory."""
        data = np.empty(count, np.uint8)
        self._do("read", address, data.ctypes.data, count)
        return data

    def load(self, path: str | Path, address: int = 0) -> None:
        """A file's bytes at an address."""
        self._do("load", os.fsencode(path), address)

    def erase(self) -> None:
        """Zeros everywhere."""
        self._do("erase")

    def limit(self, count: int = 1 << 36) -> None:
        """The memory has `count` bytes: DECERR behind them."""
        self._do("limit", count)

    def fail(self, direction: Direction, first: int, last: int, response: int = SLVERR, port: int = EVERY_PORT) -> None:
        """Beats (or bursts written) that touch bytes first .. last answer `response`."""
        self._do("fail_range", port, direction, first, last, response)

    def fail_nth(self, port: int, direction: Direction, n: int = 0, response: int = SLVERR) -> None:
        """The beat of this port that comes after n others from now on answers `response`, once."""
        self._do("fail_nth", port, direction, n, response)

    def silence(self, port: int, direction: Direction, n: int = 0) -> None:
        """After n beats from now on the port answers no more, until `heal`."""
        self._do("silence", port, direction, n)

    def heal(self) -> None:
        """No more faults; who was silent answers what waits."""
        self._do("heal")

    def settings(self, port: int, latency: int = -1, rate: int = -1, stall: int = -1) -> None:
        """Other values for the module's parameters, from the next reset on; -1: the parameter's own."""
        self._do("settings", port, latency, rate, stall)

    def beats(self, port: int, direction: Direction) -> int:
        """Beats of this port since the start of the simulation."""
        return self._call["beats"](port, direction)
