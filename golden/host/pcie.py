"""A V80 on the PCI bus of this machine, under Linux: registers in a mapped BAR, memory through a QDMA character device.

`open_card` makes a `PcieTransport` out of one text. Where things are on a card is in `lutloom.v80.map`; what has to be
set up before, and what of this has been tried on what, in docs/host.md.
"""

import fcntl
import mmap
import os
import re
import select
import struct
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from lutloom.errors import UserError
from lutloom.host import registers as regs
from lutloom.host.transport import TransportError
from lutloom.v80 import map as v80

DEVICES = Path("/sys/bus/pci/devices")
VFIO = Path("/dev/vfio")
ADDRESS = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.([0-7]))?")
KEYS = ("bar", "dma", "offset")
FORM = "[domain:]bus:device[.function], ?bar=FILE&dma=FILE&offset=BYTES, or both"
BYTES = 4096  # of the BAR that are mapped, the registers
CHUNK = 4 << 20  # bytes of one transfer
TRIES = 3  # of a transfer that moved less
PAUSE = 1e-4  # seconds between two looks at a card that raises no interrupt

# linux/vfio.h: numbers of the requests, and what they carry
VFIO_SET_IOMMU, VFIO_GROUP_SET_CONTAINER, VFIO_GROUP_GET_DEVICE_FD = 0x3B66, 0x3B68, 0x3B6A
VFIO_DEVICE_GET_REGION_INFO, VFIO_DEVICE_SET_IRQS = 0x3B6C, 0x3B6E
VFIO_TYPE1_IOMMU = 1
VFIO_PCI_MSIX_IRQ_INDEX = 2
VFIO_IRQ_SET_EVENTFD = 1 << 2 | 1 << 5  # data is an eventfd, action is the trigger
REGION_INFO = struct.Struct("=IIIIQQ")  # bytes, flags, index, capabilities, size, offset
IRQ_SET = struct.Struct("=IIIIIi")  # bytes, flags, index, first, count, eventfd


class PcieTransport:
    """A `lutloom.host.Transport` to a card.

    words: the registers, a writable view with format "I" whose items are read and written in one access of 32 bits
           each. (Slices of an mmap are not: memcpy may read a byte twice, and reading OUTPUT pops a token.)
    dma: a file that reads and writes the card's memory at the card's addresses.
    event: an eventfd that counts the card's interrupts; without it `wait` looks at IRQ_STATUS every 0.1 ms.
    """

    memory_base, memory_bytes = v80.HBM_BASE, v80.HBM_BYTES

    @staticmethod
    def stream_window(stream: int) -> range:
        return range(v80.stream_address(stream), v80.stream_address(stream) + v80.STREAM_BYTES)

    def __init__(self, words: memoryview, dma: Path, event: int | None = None):
        self.words, self.dma, self.event = words, dma, event
        self._file = _open(dma, "a started queue of the QDMA driver")
        # the QDMA driver pins pages for writing in both directions: a mapped image will not do, so all passes through
        self._staging = memoryview(mmap.mmap(-1, CHUNK))

    def read32(self, address: int) -> int:
        return self.words[self._index(address)]

    def write32(self, address: int, value: int) -> None:
        self.words[self._index(address)] = value

    def load_memory(self, address: int, data: np.ndarray) -> None:
        for first in range(0, data.size, CHUNK):
            part = self._staging[: min(CHUNK, data.size - first)]
            part[:] = data[first : first + CHUNK]
            self._transfer(lambda place, part=part: os.pwrite(self._file, part, place), address + first, len(part))

    def read_memory(self, address: int, count: int) -> np.ndarray:
        found = np.empty(count, np.uint8)
        for first in range(0, count, CHUNK):
            part = self._staging[: min(CHUNK, count - first)]
            self._transfer(lambda place, part=part: os.preadv(self._file, [part], place), address + first, len(part))
            found[first : first + CHUNK] = part
        return found

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self.read32(regs.IRQ_STATUS.address) & self.read32(regs.IRQ_ENABLE.address):
            left = end - time.monotonic()
            if left <= 0:
                return False
            if self.event is None:
                time.sleep(min(left, PAUSE))
            elif select.select([self.event], [], [], left)[0]:
                os.eventfd_read(self.event)
        return True

    def _index(self, address: int) -> int:
        if address % 4 or not 0 <= address < 4 * len(self.words):
            raise TransportError(f"register {address:#x}: allowed multiples of 4 below {4 * len(self.words):#x}")
        return address // 4

    def _transfer(self, move: Callable[[int], int], address: int, count: int) -> None:
        """A transfer, again from its beginning if it moved less than `count` bytes."""
        place = f"{self.dma}: memory {address:#x}"
        if not self.memory_base <= address <= self.memory_base + self.memory_bytes - count:
            allowed = f"{self.memory_base:#x}..{self.memory_base + self.memory_bytes - 1:#x}"
            raise TransportError(f"{place}: found {count} bytes, allowed {allowed}")
        for _ in range(TRIES):
            try:
                moved = move(address)
            except OSError as error:
                raise TransportError(f"{place}: found {error.strerror}, allowed {count} bytes moved") from None
            if moved == count:
                return
        raise TransportError(f"{place}: found {moved} of {count} bytes moved in each of {TRIES} tries, allowed all")


def open_card(text: str | None = None) -> PcieTransport:
    """The card that a text names (`FORM`); None: the only one in this machine.

    The address is that of lspci; a domain left out is 0000, a function 0. bar, dma: other files than those that belong
    to the address; offset: of the registers in the BAR. A function that is bound to vfio-pci is reached through VFIO
    and gives interrupts. TransportError if there is no such card or if a file cannot be opened, UserError for any other
    text.
    """
    board, _, options = (find_card() if text is None else text).partition("?")
    address, wrong = ADDRESS.fullmatch(board.lower()), UserError(f"--card: found {text}, allowed {FORM}")
    try:
        given = dict(parse_qsl(options, strict_parsing=True)) if options else {}
        offset = int(given.get("offset", "0"), 0)
    except ValueError:
        raise wrong from None
    if not given.keys() <= set(KEYS) or not (address or (not board and {"bar", "dma"} <= given.keys())):
        raise wrong
    if offset % mmap.PAGESIZE or offset < 0:
        raise UserError(f"--card: offset: found {offset:#x}, allowed multiples of {mmap.PAGESIZE:#x}")
    bar, dma = given.get("bar"), given.get("dma")
    if address:
        domain, bus, device, number = address.groups()
        function = f"{domain or '0000'}:{bus}:{device}.{number or 0}"
        dma = dma or f"/dev/qdma{bus}{device}{number or 0}-MM-0"
        if bar is None and (DEVICES / function / "driver").resolve().name == "vfio-pci":
            words, event = _open_vfio(function, offset)
            return PcieTransport(words, Path(dma), event)
        bar = bar or DEVICES / function / f"resource{v80.CONTROL_BAR}"
    file = _open(Path(bar), "a BAR of a V80")
    try:
        words = _map(file, 0, os.fstat(file).st_size, offset, str(bar))
    finally:
        os.close(file)
    return PcieTransport(words, Path(dma))


def find_card() -> str:
    """The PCI address of the only V80. TransportError if there is none or more than one."""
    wanted = (v80.PCI_VENDOR, v80.PCI_DEVICE)
    found = [
        path.name
        for path in sorted(DEVICES.glob("*"))
        if tuple(int((path / name).read_text(), 16) for name in ("vendor", "device")) == wanted
    ]
    if len(found) != 1:
        ids = "{:04x}:{:04x}".format(*wanted)
        allowed = "one V80 that is programmed" if not found else "--card with one of them"
        raise TransportError(f"{DEVICES}: found {', '.join(found) or f'no PCI function {ids}'}, allowed {allowed}")
    return found[0]


def _open(path: Path, allowed: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    except OSError as error:
        raise TransportError(f"{path}: found {error.strerror}, allowed {allowed}") from None


def _map(file: int, start: int, size: int, offset: int, name: str) -> memoryview:
    """The registers in a BAR of `size` bytes that lies at `start` of a file."""
    if offset + BYTES > size:
        raise TransportError(f"{name}: found {size} bytes, allowed {offset + BYTES} or more")
    try:
        return memoryview(mmap.mmap(file, BYTES, offset=start + offset)).cast("I")
    except OSError as error:
        raise TransportError(f"{name}: found {error.strerror}, allowed a BAR that can be mapped") from None


def _open_vfio(function: str, offset: int) -> tuple[memoryview, int]:
    """The registers of a PCI function that is bound to vfio-pci, and the eventfd of its first MSI-X interrupt."""
    group = (DEVICES / function / "iommu_group").resolve().name
    container = _open(VFIO / "vfio", "VFIO")
    files = (container, _open(VFIO / group, f"the VFIO group of {function}"))
    try:
        fcntl.ioctl(files[1], VFIO_GROUP_SET_CONTAINER, struct.pack("=i", container))
        fcntl.ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)
        device = fcntl.ioctl(files[1], VFIO_GROUP_GET_DEVICE_FD, function.encode() + b"\0")
        region = REGION_INFO.pack(REGION_INFO.size, 0, v80.CONTROL_BAR, 0, 0, 0)
        *_, size, start = REGION_INFO.unpack(fcntl.ioctl(device, VFIO_DEVICE_GET_REGION_INFO, region))
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        irq = IRQ_SET.pack(IRQ_SET.size, VFIO_IRQ_SET_EVENTFD, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, event)
        fcntl.ioctl(device, VFIO_DEVICE_SET_IRQS, irq)
    except OSError as error:
        raise TransportError(
            f"{function}: VFIO: found {error.strerror}, allowed a function bound to vfio-pci"
        ) from None
    return _map(device, start, size, offset, function), event


__all__ = ["PcieTransport", "find_card", "open_card"]
