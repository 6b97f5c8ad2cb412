"""The transport to a card over PCIe, on files, and whole texts through it. No card is touched.

A plain file stands for the BAR where only layout matters; it has no side effects, so for texts the words of the BAR are
those of the modelled card (`Served`). A sparse file at the card's true addresses stands for the QDMA queue.
"""

import fcntl
import os
import re
import resource
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lutloom import cli, generate
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.host import Accelerator, AcceleratorError, TransportError, pcie
from lutloom.host import registers as regs
from lutloom.host.golden import GoldenTransport, Injected, Memory
from lutloom.host.pcie import PcieTransport, find_card, open_card
from lutloom.host.registers import Cause
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.tests.toy import build
from lutloom.v80 import map as v80

HARDWARE = Hardware(slices=2)
PROMPT = [9, 30, 101, 55, 12, 77, 150]
PAGE = 4096
ONES = 0xFFFF_FFFF


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("images") / "toy.img"
    compile_model(build(tmp_path_factory.mktemp("toy"), "fused").folder, path, HARDWARE)
    return path


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    """A BAR of two pages, the second with the numbers of its words; an empty memory."""
    bar, dma = tmp_path / "bar", tmp_path / "dma"
    bar.write_bytes(bytes(PAGE) + struct.pack("<1024I", *range(1024)))
    dma.touch()
    return bar, dma


def text_of(files: tuple[Path, Path], offset: int = PAGE) -> str:
    return "?bar={}&dma={}&offset={:#x}".format(*files, offset)


@pytest.fixture
def card(files) -> PcieTransport:
    return open_card(text_of(files))


class FileMemory(Memory):
    """The modelled card's memory is what the queue's file holds."""

    def __init__(self, path: Path, image: Image):
        super().__init__()
        self.path, self.image = path, image

    def read(self, address: int, count: int) -> np.ndarray:
        with self.path.open("rb") as file:
            data = bytearray(os.pread(file.fileno(), count, address).ljust(count, b"\0"))
            if (address, count) == (v80.HBM_BASE, self.image.bytes):
                for number in range(HARDWARE.slices):
                    port = self.image.table[f"port{number}"]
                    assert not any(data[port.offset : port.offset + port.padded]), "a stream is not only in its window"
        return np.frombuffer(data, np.uint8)


class Served:
    """The words of a BAR with a modelled card behind them. It works while the host looks at IRQ_STATUS."""

    def __init__(self, dma: Path, image: Path):
        self.golden = GoldenTransport(HARDWARE)
        self.golden.stream_window = PcieTransport.stream_window
        self.golden.memory = FileMemory(dma, Image.open(image))
        self.gone_after = None  # accesses

    def __len__(self) -> int:
        return PAGE // 4

    def gone(self) -> bool:
        if self.gone_after is None:
            return False
        self.gone_after -= 1
        return self.gone_after < 0

    def __getitem__(self, index: int) -> int:
        if self.gone():
            return ONES
        if index * 4 == regs.IRQ_STATUS.address:
            self.golden.wait(0)
        return self.golden.read32(index * 4)

    def __setitem__(self, index: int, value: int) -> None:
        if not self.gone():
            self.golden.write32(index * 4, value)


@pytest.fixture
def served(files, image) -> PcieTransport:
    return PcieTransport(Served(files[1], image), files[1])


def expected(image: Path, count: int) -> list[int]:
    return list(Machine.open(image).generate(np.array(PROMPT), count, stop=False))


def tokens(card: Accelerator, count: int) -> list[int]:
    return list(card.generate(PROMPT, count, stop=False))


# --- registers and memory on plain files ------------------------------------------------------------------------------


def test_registers_are_little_endian_words_at_the_offset(files, card):
    assert [card.read32(4 * n) for n in range(1024)] == list(range(1024))
    before = files[0].read_bytes()
    card.write32(regs.SEED.address, 0x1234_5678)
    place = PAGE + regs.SEED.address
    assert files[0].read_bytes() == before[:place] + b"\x78\x56\x34\x12" + before[place + 4 :]
    assert open_card(text_of(files, 0)).read32(regs.SEED.address) == 0
    for address in (2, PAGE, -4):
        with pytest.raises(TransportError, match="allowed multiples of 4 below 0x1000"):
            card.read32(address)
        with pytest.raises(TransportError, match="allowed multiples of 4"):
            card.write32(address, 0)


def test_memory_lies_at_the_card_s_addresses(files, card, monkeypatch):
    """In transfers of any size, from arrays that cannot be written."""
    monkeypatch.setattr(pcie, "CHUNK", 1000)
    data = np.random.default_rng(1).integers(0, 256, 2 * 1000 + 7, np.uint8)
    data.flags.writeable = False
    for count in (1, 999, 1000, 1001, data.size):
        address = v80.HBM_BASE + 4096 * count + 5
        card.load_memory(address, data[:count])
        assert (card.read_memory(address, count) == data[:count]).all()
        with files[1].open("rb") as file:
            assert os.pread(file.fileno(), count, address) == data[:count].tobytes()
    end = v80.HBM_BASE + v80.HBM_BYTES
    card.load_memory(end - 10, data[:10])
    for address in (v80.HBM_BASE - 1, end - 9, 0):
        with pytest.raises(TransportError, match="found 10 bytes, allowed 0x4000000000"):
            card.load_memory(address, data[:10])
        with pytest.raises(TransportError, match="found 10 bytes, allowed 0x4000000000"):
            card.read_memory(address, 10)


def test_wait_looks_at_the_registers(files, card):
    def wait(seconds):
        start = time.monotonic()
        return card.wait(seconds), time.monotonic() - start

    card.write32(regs.IRQ_ENABLE.address, 0)
    raised, took = wait(0.02)
    assert not raised and took >= 0.02
    card.write32(regs.IRQ_ENABLE.address, 4)
    card.write32(regs.IRQ_STATUS.address, 3)
    assert not wait(0)[0]

    def interrupt():
        with files[0].open("r+b") as file:
            os.pwrite(file.fileno(), b"\4", PAGE + regs.IRQ_STATUS.address)

    threading.Timer(0.05, interrupt).start()
    raised, took = wait(30)
    assert raised and took < 20


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_text(image, served):
    card = Accelerator(served)
    card.load(image)
    assert served.read32(regs.PORT_BASE_LO.address) == served.read32(regs.PORT_STRIDE_LO.address) == 0
    assert tokens(card, 12) == expected(image, 12)


@pytest.mark.timeout(60)
def test_card_vanishes(image, served):
    """At any access of a run. A card that comes back, in the midst of it or not, has to be loaded again."""
    card, words = Accelerator(served), served.words
    card.load(image)
    words.gone_after = 10_000
    assert tokens(card, 8) == expected(image, 8)
    accesses = 10_000 - words.gone_after
    for after in range(0, accesses, 7):
        words.gone_after = None
        card.recover()
        card.load(image)
        words.gone_after = after
        with pytest.raises(AcceleratorError, match=r"found 0xffffffff there and in ID: no card answers any more"):
            tokens(card, 8)
        with pytest.raises(UserError, match="no image"):
            tokens(card, 8)
        words.gone_after = 0
        with pytest.raises(AcceleratorError, match="no card answers"):
            card.load(image)
    words.gone_after = None
    card.recover()
    card.load(image)
    assert tokens(card, 8) == expected(image, 8)


def test_a_run_fails_and_the_next_is_right(image, served):
    card = Accelerator(served, timeout=1.0)
    card.load(image)
    whole = expected(image, 8)
    for fault in (Injected(Cause.SLAVE_ERROR, 3, 64, len(PROMPT) + 3), Injected(None, 3, after=9)):
        served.words.golden.inject(fault)
        generated, found = card.generate(PROMPT, 8, stop=False), []
        with pytest.raises(AcceleratorError, match=r"SLVERR|no progress"):
            found.extend(generated)
        served.words.golden.inject(None)
        assert tokens(card, 8) == whole


# --- a queue that fails -----------------------------------------------------------------------------------------------


def test_queue_answers_eio(image, served, files):
    """What is never mapped in a process answers EIO there."""
    card = Accelerator(served)
    good = served._file
    served._file = os.open("/proc/self/mem", os.O_RDWR)
    with pytest.raises(TransportError, match=r"dma: memory 0x4000000000: found Input/output error, allowed \d+ bytes"):
        card.load(image)
    with pytest.raises(TransportError, match="Input/output error"):
        served.read_memory(v80.HBM_BASE, 4)
    with pytest.raises(UserError, match="no image"):
        tokens(card, 3)
    os.close(served._file)
    served._file = good
    card.load(image)
    assert tokens(card, 3) == expected(image, 3)


def test_queue_moves_too_little(image, served, monkeypatch):
    """Once: the transfer is made again, whole. Always (here by a limit of the system): an error."""
    card, write, calls = Accelerator(served), os.pwrite, []

    def short(file, data, place):
        calls.append((len(data), place))
        return write(file, data[:100] if len(calls) == 1 else data, place)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", short)
        card.load(image)
    header = min(section.offset for section in Image.open(image).table.values())
    assert calls[:2] == [(header, v80.HBM_BASE)] * 2 and len(set(calls)) == len(calls) - 1
    assert tokens(card, 3) == expected(image, 3)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (v80.HBM_BASE + 1000, limits[1]))
    try:
        with pytest.raises(TransportError, match=f"found 1000 of {header} bytes moved in each of 3 tries"):
            card.load(image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(UserError, match="no image"):
        tokens(card, 3)
    card.load(image)
    assert tokens(card, 3) == expected(image, 3)
    with pytest.raises(TransportError, match="found 0 of 4 bytes"):
        served.read_memory(v80.HBM_BASE + v80.HBM_BYTES // 2, 4)


# --- finding and opening ----------------------------------------------------------------------------------------------


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """An empty PCI bus; called with an address it gets a V80 there, and something else as its next function."""
    monkeypatch.setattr(pcie, "DEVICES", tmp_path / "devices")
    pcie.DEVICES.mkdir()

    def add(board: str) -> Path:
        for function, device in ((1, 0x50B4), (0, v80.PCI_DEVICE)):
            folder = pcie.DEVICES / f"{board}.{function}"
            folder.mkdir()
            (folder / "vendor").write_text("0x10ee\n")
            (folder / "device").write_text(f"{device:#06x}\n")
        with (folder / "resource2").open("wb") as file:
            file.truncate(v80.CONTROL_BYTES)
        return folder

    return add


def test_a_card_is_found(bus, files):
    with pytest.raises(TransportError, match="found no PCI function 10ee:b048, allowed one V80 that is programmed"):
        open_card()
    folder = bus("0000:3b:00")
    assert find_card() == "0000:3b:00.0"
    (folder / "resource2").write_bytes(files[0].read_bytes()[PAGE:])
    for text in ("0000:3b:00", "0000:3B:00.0", "3b:00", "3b:00.0"):
        assert open_card(f"{text}?dma={files[1]}").read32(40) == 10
    with pytest.raises(TransportError, match="/dev/qdma3b000-MM-0: found No such file or directory, allowed a started"):
        open_card()
    bus("0000:5e:00")
    with pytest.raises(TransportError, match=r"found 0000:3b:00\.0, 0000:5e:00\.0, allowed --card with one of them"):
        open_card()


def test_files_that_are_no_card(files, bus):
    with pytest.raises(TransportError, match=r":01:00\.1/resource2: found No such file or directory, allowed a BAR"):
        open_card("01:00.1")
    with pytest.raises(TransportError, match="bar: found 8192 bytes, allowed 12288 or more"):
        open_card(text_of(files, 2 * PAGE))
    sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(sealed, PAGE)
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    with pytest.raises(TransportError, match="found Operation not permitted, allowed a BAR that can be mapped"):
        open_card(f"?bar=/proc/self/fd/{sealed}&dma={files[1]}")
    files[0].chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(TransportError, match="bar: found Permission denied, allowed a BAR of a V80"):
            open_card(text_of(files))
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    "text", ["", "here", "01:00?x=1", "01:00?bar", "?bar=/x", "?dma=/x&bar=/x&offset=a", "001:00", "?bar=x&dma="]
)
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match=re.escape(f"--card: found {text}, allowed [domain:]bus:device")):
        open_card(text)


def test_offset_is_refused(files):
    with pytest.raises(UserError, match="offset: found 0x64, allowed multiples of 0x1000"):
        open_card(text_of(files, 100))


# --- VFIO -------------------------------------------------------------------------------------------------------------


def test_vfio_numbers_are_the_kernel_s(tmp_path):
    """Against linux/vfio.h, as the C compiler sees it."""
    names = [name for name in vars(pcie) if name.startswith("VFIO_") and name != "VFIO_IRQ_SET_EVENTFD"]
    values = {
        **{name: name for name in names},
        "VFIO_IRQ_SET_EVENTFD": "VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER",
        "REGION_INFO": "sizeof(struct vfio_region_info)",
        "size": "offsetof(struct vfio_region_info, size)",
        "IRQ_SET": "sizeof(struct vfio_irq_set) + sizeof(int)",
        "event": "offsetof(struct vfio_irq_set, data)",
    }
    lines = "".join(f'printf("{name} %llu\\n", (unsigned long long)({value}));\n' for name, value in values.items())
    source, program = tmp_path / "vfio.c", tmp_path / "vfio"
    source.write_text(f"#include <linux/vfio.h>\n#include <stddef.h>\n#include <stdio.h>\nint main() {{\n{lines}}}\n")
    subprocess.run(["cc", source, "-o", program], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    found = {name: int(value) for name, value in (line.split() for line in output.splitlines())}
    wanted = {name: getattr(pcie, name) for name in (*names, "VFIO_IRQ_SET_EVENTFD")}
    assert len(names) == 7
    assert found == wanted | {
        "REGION_INFO": pcie.REGION_INFO.size,
        "size": 16,
        "IRQ_SET": pcie.IRQ_SET.size,
        "event": 20,
    }


@pytest.fixture
def kernel(bus, files, tmp_path, monkeypatch):
    """A function bound to vfio-pci, whose region 0 is the file of the BAR; what is asked of the kernel, in order."""
    folder, asked = bus("0000:3b:00"), []
    for name, target in (("driver", "vfio-pci"), ("iommu_group", "27")):
        (tmp_path / target).mkdir()
        (folder / name).symlink_to(tmp_path / target)
    monkeypatch.setattr(pcie, "VFIO", tmp_path / "vfio")
    pcie.VFIO.mkdir()
    for name in ("vfio", "27"):
        (pcie.VFIO / name).touch()

    def ioctl(file, request, argument):
        asked.append((Path(f"/proc/self/fd/{file}").readlink().name, request, argument))
        if request == pcie.VFIO_GROUP_GET_DEVICE_FD:
            return os.open(files[0], os.O_RDWR)
        if request == pcie.VFIO_DEVICE_GET_REGION_INFO:
            fields = pcie.REGION_INFO.unpack(argument)
            assert fields == (32, 0, v80.CONTROL_BAR, 0, 0, 0)
            return pcie.REGION_INFO.pack(*fields[:4], PAGE, PAGE)
        return 0

    monkeypatch.setattr(pcie.fcntl, "ioctl", ioctl)
    return asked


def test_vfio(kernel, files):
    """The order of requests, the region mapped where the kernel says, the interrupt through the eventfd."""
    card = open_card(f"3b:00?dma={files[1]}")
    assert [(file, request) for file, request, _ in kernel] == [
        ("27", pcie.VFIO_GROUP_SET_CONTAINER), ("vfio", pcie.VFIO_SET_IOMMU), ("27", pcie.VFIO_GROUP_GET_DEVICE_FD),
        ("bar", pcie.VFIO_DEVICE_GET_REGION_INFO), ("bar", pcie.VFIO_DEVICE_SET_IRQS),
    ]  # fmt: skip
    assert kernel[2][2] == b"0000:3b:00.0\0"
    assert pcie.IRQ_SET.unpack(kernel[-1][2]) == (24, 0x24, 2, 0, 1, card.event)
    assert card.read32(40) == 10
    card.write32(regs.IRQ_ENABLE.address, 1)
    card.write32(regs.IRQ_STATUS.address, 0)
    os.eventfd_write(card.event, 3)  # of before: no reason to stop waiting
    assert not card.wait(0.05)

    def interrupt():
        card.write32(regs.IRQ_STATUS.address, 1)
        os.eventfd_write(card.event, 1)

    threading.Timer(0.05, interrupt).start()
    start = time.monotonic()
    assert card.wait(30) and time.monotonic() - start < 20


def test_vfio_fails(kernel, files, monkeypatch):
    def refuse(file, request, argument):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(pcie.fcntl, "ioctl", refuse)
    with pytest.raises(TransportError, match=r"0000:3b:00\.0: VFIO: found Invalid argument"):
        open_card(f"3b:00?dma={files[1]}")
    (pcie.VFIO / "27").unlink()
    with pytest.raises(TransportError, match=r"27: found No such file or directory, allowed the VFIO group of 0000:3b"):
        open_card(f"3b:00?dma={files[1]}")


# --- lutloom generate --on v80 ----------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Run `lutloom generate` in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lutloom", "generate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


def test_generate_on_v80(image, served, command, monkeypatch):
    named = []
    monkeypatch.setattr(generate, "open_card", lambda text: named.append(text) or served)
    options = ("--image", image, "--prompt", "w5 w9 w2", "--tokens", 6, "--temperature", 0.9, "--seed", 4)
    before = Accelerator(served)  # of a process that was ended in the midst of a text
    before.load(image)
    before._start(np.array(PROMPT), 4)
    assert before.status()["busy"]
    code, text, notes = command("--on", "v80", "--card", "3b:00", *options)
    assert (code, text) == command("--on", "golden", *options)[:2] and code == 0 and named == ["3b:00"]
    assert re.search(r"tokens/s after the first\n[\d,]+ cycles a token, [\d,]+ in all\n", notes)
    code, _, error = command("--on", "v80", *options, "--hardware", "small")
    assert code == 2 and "allowed slices = 8" in error


def test_generate_without_a_card(image, files, bus, command):
    files[0].write_bytes(b"\xff" * 2 * PAGE)
    for arguments, message in (
        (("--card", text_of(files)), "card: ID: found 0xffffffff, allowed 0x4c55544c"),
        (("--card", "3b:00"), "resource2: found No such file or directory"),
        ((), "found no PCI function 10ee:b048, allowed one V80"),
        (("--card", "nowhere"), "--card: found nowhere, allowed [domain:]bus:device"),
    ):
        code, text, error = command("--on", "v80", "--image", image, *arguments)
        assert (code, text) == (2, "") and error.startswith("error: ") and message in error and error.count("\n") == 1
    assert "allowed with --on v80" in command("--image", image, "--card", "3b:00")[2]
