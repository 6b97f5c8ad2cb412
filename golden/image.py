"""The image: one self-describing, little-endian file with all that the accelerator reads.

The file is copied as it is to the card's HBM and memory-mapped by the golden machine, so an offset in the file is an
offset in memory. A header and section table come first, then the sections in table order, each on a 4096-byte border
and zero-padded to the next. CRC-32s cover every bit. docs/image.md has the layout byte by byte.

A file that is not exactly as it should be is refused with a UserError that names the file and the section ("header"
and "table" for what stands before the sections). No size in the file is believed before it is bounded.
"""

import hashlib
import json
import mmap
import operator
import os
import re
import shutil
import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from lutloom.errors import UserError

PAGE = 4096
MAGIC = b"LUTLOOM\x1a"
VERSION = 1
HEADER = struct.Struct("<8sIIIIQQI20s")  # magic, version, header bytes, sections, flags, bytes, hardware hash, CRC, 0
ENTRY = struct.Struct("<24sQQII16s")  # name, offset, payload bytes, CRC, element format, 0
HEADER_CRC = slice(40, 44)  # where HEADER has its CRC
MAX_SECTIONS = 4095  # 64 pages of header and table
MAX_BYTES = 1 << 40  # of a whole image
CONFIG = "config"
MAX_CONFIG = 4 << 20  # parsed as JSON, so bounded: a tokenizer or the like belongs in a section of its own
CHUNK = 4 << 20  # bytes read at a time when a checksum is computed
NAME = re.compile(r"[A-Za-z0-9_.-]{1,24}")
RESERVED_NAMES = ("header", "table")  # what messages call the part before the sections

# Element formats: the code in the section table is the place in this list. (name, bytes of an element)
FORMATS = (
    ("bytes", 1), ("json", 1), ("int8", 1), ("uint8", 1), ("int16", 2), ("uint16", 2), ("int32", 4), ("uint32", 4),
    ("bf16", 2), ("fp32", 4),
)  # fmt: skip
FORMAT_CODES = {name: code for code, (name, _) in enumerate(FORMATS)}
ANY_FORMAT = ", ".join(FORMAT_CODES)

ReportProgress = Callable[[int, int], None]  # (bytes checked so far, bytes to check)


@dataclass(frozen=True)
class Section:
    """One entry of the section table: `bytes` of payload at `offset` of the file, the CRC-32 including the padding."""

    name: str
    offset: int
    bytes: int
    format: str = "bytes"
    crc: int = 0

    @property
    def padded(self) -> int:
        """Bytes in the file: whole pages."""
        return padded(self.bytes)


def padded(size: int) -> int:
    """Bytes of the whole pages that hold `size` bytes."""
    return -(-size // PAGE) * PAGE


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: ASCII, keys sorted, no spaces. Raises ValueError or TypeError if it has none."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def hardware_hash(hardware: dict) -> int:
    """64-bit hash of the hardware parameters: the first 8 bytes of SHA-256 of the canonical JSON, little-endian."""
    return int.from_bytes(hashlib.sha256(canonical_json(hardware).encode()).digest()[:8], "little")


def config_payload(hardware: dict, config: Mapping | None = None) -> bytes:
    """What section "config" must hold: canonical JSON of `config` with the parameters under the key "hardware"."""
    return canonical_json({**(config or {}), "hardware": hardware}).encode()


def layout(
    path: str | Path, sections: Mapping[str, int] | Iterable[tuple[str, int]], formats: Mapping[str, str] | None = None
) -> dict[str, Section]:
    """Where every section will lie: sections as name -> payload bytes, in file order.

    formats: name -> element format of FORMATS, default "bytes"; "config" is "json". `path` is only for messages.
    Raises UserError for illegal or repeated names, sizes that are no whole number of elements, a missing "config".
    """
    pairs = list(sections.items() if isinstance(sections, Mapping) else sections)
    formats = {CONFIG: "json", **(formats or {})}
    unknown = [name for name in formats if name not in dict(pairs) and name != CONFIG]
    if unknown:
        raise _refusal(path, "table", f"a format for {unknown[0]!r}", "formats of the sections only")
    return _place(path, [(name, operator.index(size), formats.get(name, "bytes")) for name, size in pairs])


def _place(path: str | Path, entries: list[tuple[str, int, str]]) -> dict[str, Section]:
    """`layout` of (name, payload bytes, format) in file order; what the writer makes and the reader expects."""
    if not 1 <= len(entries) <= MAX_SECTIONS:
        raise _refusal(path, "table", f"{len(entries)} sections", f"1..{MAX_SECTIONS}")
    table: dict[str, Section] = {}
    offset = _header_bytes(len(entries))
    for name, size, form in entries:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED_NAMES:
            allowed = f"1 to 24 of A-Z a-z 0-9 _ . -, not {' or '.join(RESERVED_NAMES)}"
            raise _refusal(path, "table", f"name {_short(name)}", allowed)
        if name in table:
            raise _refusal(path, name, "the name twice", "each name once")
        if form not in FORMAT_CODES:
            raise _refusal(path, name, f"element format {_short(form)}", ANY_FORMAT)
        element = FORMATS[FORMAT_CODES[form]][1]
        if not 0 <= size <= MAX_BYTES or size % element:
            raise _refusal(path, name, f"{size} bytes", f"0..{MAX_BYTES} in elements of {element}")
        table[name] = Section(name, offset, size, form)
        offset += padded(size)
    if CONFIG not in table:
        raise _refusal(path, CONFIG, "no such section", "exactly one")
    if table[CONFIG].format != "json" or not 0 < table[CONFIG].bytes <= MAX_CONFIG:
        found = f"{table[CONFIG].bytes} bytes of format {table[CONFIG].format}"
        raise _refusal(path, CONFIG, found, f"1..{MAX_CONFIG} bytes of format json")
    if offset > MAX_BYTES:
        raise _refusal(path, "table", f"{offset} bytes in all", f"at most {MAX_BYTES}")
    return table


def _header_bytes(sections: int) -> int:
    return padded(HEADER.size + sections * ENTRY.size)


def _total_bytes(table: dict[str, Section]) -> int:
    return _header_bytes(len(table)) + sum(section.padded for section in table.values())


def _refusal(path: str | Path, section: str, found: str, allowed: str) -> UserError:
    return UserError(f"{path}: section {section}: found {found}, allowed {allowed}")


def _short(value: Any, limit: int = 40) -> str:
    """A value from outside as one short line of ASCII."""
    text = ascii(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


# --- checks that writer and reader share ------------------------------------------------------------------------------


def _pread(path: Path, name: str, fd: int, offset: int, length: int) -> bytes:
    """Exactly `length` bytes. Read, not mapped: an error of the disk is then an OSError, not the end of the process."""
    data = os.pread(fd, length, offset)
    if len(data) != length:
        raise _refusal(path, name, f"{len(data)} bytes at offset {offset}", f"{length} (does the file change?)")
    return data


def _crc(path: Path, section: Section, fd: int, report: Callable[[int], None] = lambda size: None) -> int:
    """CRC-32 of a section with its padding; report(bytes) after every chunk."""
    crc, end = 0, section.offset + section.padded
    for offset in range(section.offset, end, CHUNK):
        chunk = _pread(path, section.name, fd, offset, min(CHUNK, end - offset))
        crc = zlib.crc32(chunk, crc)
        report(len(chunk))
    return crc


def _check_section(path: Path, section: Section, fd: int, report: Callable[[int], None]) -> None:
    """Refuse a section whose checksum is wrong or whose padding is not zero."""
    crc = _crc(path, section, fd, report)
    if crc != section.crc:
        raise _refusal(path, section.name, f"checksum {crc:08x}", f"{section.crc:08x}")
    if any(_pread(path, section.name, fd, section.offset + section.bytes, section.padded - section.bytes)):
        raise _refusal(path, section.name, "padding that is not zero", "zeros")


def _parse_config(path: Path, payload: bytes, expected_hash: int) -> dict:
    """The JSON object of section "config", strictly: no repeated keys, no NaN; its hardware must have that hash."""
    try:
        config = json.loads(payload.decode(), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
        json.dumps(config, ensure_ascii=False).encode()  # refuses half surrogate pairs, which nobody could print
        if not isinstance(config, dict) or not isinstance(config.get("hardware"), dict):
            raise _refusal(path, CONFIG, _short(config), 'a JSON object with an object "hardware"')
        found = hardware_hash(config["hardware"])
    except (ValueError, RecursionError) as error:
        raise _refusal(path, CONFIG, f"no valid JSON ({_short(str(error), 80)})", "a JSON object") from None
    if found != expected_hash:
        raise _refusal(path, CONFIG, f"hardware parameters of hash {found:016x}", f"{expected_hash:016x} as in header")
    return config


def _unique(pairs: list[tuple[str, Any]]) -> dict:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError("a number that is not finite")
    return value


# --- writing ----------------------------------------------------------------------------------------------------------


class ImageWriter:
    """Writes an image section by section: `<path>.new`, memory-mapped, which replaces `path` when all is done.

        payload = config_payload(hardware, config)
        with ImageWriter(path, hardware, {"config": len(payload), "embedding": 1 << 30}) as writer:
            writer.write("config", payload)
            writer.section("embedding")[:] = ...

    Arguments as of `layout`; `writer.table` has the offsets. The same contents give the same bytes. An exception
    inside the `with` removes the new file and leaves an old one as it was. One writer per path at a time.
    Raises UserError for what `layout` refuses, an unwritable path, too little space, or a wrong section "config".
    """

    def __init__(
        self,
        path: str | Path,
        hardware: dict,
        sections: Mapping[str, int] | Iterable[tuple[str, int]],
        formats: Mapping[str, str] | None = None,
    ):
        self.path = Path(path)
        self.temporary = self.path.parent / (self.path.name + ".new")
        try:
            self.hardware_hash = hardware_hash(hardware)
        except (TypeError, ValueError, RecursionError) as error:
            raise _refusal(path, CONFIG, f"hardware parameters without JSON ({error})", "a JSON object") from None
        self.table = layout(path, sections, formats)
        self.bytes = _total_bytes(self.table)
        self._views: dict[str, np.ndarray] = {}
        self._fd = self._create()

    def _create(self) -> int:
        """Make the temporary file with all its blocks reserved, and map it. Returns its descriptor."""
        try:
            self._check_place()
            self.temporary.unlink(missing_ok=True)  # of a run that was killed
            fd = os.open(self.temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise _refusal(self.temporary, "header", f"{error.strerror}", "a path that can be written") from None
        try:
            # Without its blocks a mapped file kills the process (SIGBUS) when the disk is full.
            os.posix_fallocate(fd, 0, self.bytes)
            data = np.frombuffer(mmap.mmap(fd, self.bytes), np.uint8)
        except OSError as error:
            os.close(fd)
            self.temporary.unlink(missing_ok=True)
            raise _refusal(self.temporary, "header", f"{error.strerror}", f"room for {self.bytes} bytes") from None
        self._views = {s.name: data[s.offset : s.offset + s.bytes] for s in self.table.values()}
        return fd

    def _check_place(self) -> None:
        if self.path.is_dir() or not self.path.parent.is_dir():
            found = "a folder" if self.path.is_dir() else f"no folder {self.path.parent}"
            raise _refusal(self.path, "header", found, "a file name in a folder that exists")
        free = shutil.disk_usage(self.path.parent).free
        if free < self.bytes:
            raise _refusal(self.path, "header", f"{free} bytes free", f"{self.bytes}, which the image needs")

    def section(self, name: str) -> np.ndarray:
        """The payload of a section to fill: uint8 [bytes], zero at first, writable until `close`."""
        if name not in self._views:
            raise _refusal(self.path, name, "no such open section", ", ".join(self.table))
        return self._views[name]

    def write(self, name: str, data: bytes | np.ndarray) -> None:
        """Fill a whole section with the bytes of `data`: C order, little-endian as the array must be."""
        if isinstance(data, np.ndarray):
            raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        else:
            raw = np.frombuffer(data, np.uint8)
        section = self.section(name)
        if raw.size != section.size:
            raise _refusal(self.path, name, f"{raw.size} bytes to write", f"{section.size}")
        section[:] = raw

    def close(self) -> None:
        """Compute the checksums, write the header, make the file durable and put it in place of `path`."""
        if self._fd < 0:
            return
        try:
            _parse_config(self.path, self.section(CONFIG).tobytes(), self.hardware_hash)
            # Reads and the shared mapping see the same pages, so nothing has to be flushed before.
            self.table = {s.name: replace(s, crc=_crc(self.path, s, self._fd)) for s in self.table.values()}
            os.pwrite(self._fd, self._header(), 0)
            os.fsync(self._fd)
            os.replace(self.temporary, self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            self.abort()
            raise _refusal(self.path, "header", f"{error.strerror}", "a path that can be written") from None
        except BaseException:
            self.abort()
            raise
        self._release()

    def _header(self) -> bytes:
        size = _header_bytes(len(self.table))
        fields = (MAGIC, VERSION, size, len(self.table), 0, self.bytes, self.hardware_hash)
        entries = (
            ENTRY.pack(s.name.encode(), s.offset, s.bytes, s.crc, FORMAT_CODES[s.format], b"")
            for s in self.table.values()
        )
        data = bytearray((HEADER.pack(*fields, 0, b"") + b"".join(entries)).ljust(size, b"\0"))
        data[HEADER_CRC] = zlib.crc32(data).to_bytes(4, "little")
        return bytes(data)

    def abort(self) -> None:
        """Give up: remove the new file, leave an old one."""
        if self._fd >= 0:
            self.temporary.unlink(missing_ok=True)
            self._release()

    def _release(self) -> None:
        for view in self._views.values():  # whoever still holds one must not change the finished file
            view.flags.writeable = False
        self._views = {}  # the mapping goes with its last view
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> "ImageWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Image:
    """An image that was checked, memory-mapped read-only. Made by `Image.open`."""

    path: Path
    hardware_hash: int
    table: dict[str, Section]
    config: dict
    data: np.ndarray  # uint8 [bytes], the whole file

    @classmethod
    def open(
        cls,
        path: str | Path,
        hardware: dict | None = None,
        verify: bool = True,
        progress: ReportProgress | None = None,
    ) -> "Image":
        """Map an image, or raise UserError if a single bit of it is not as it should be.

        hardware: the parameters that the image must have been made for; a refusal names those that differ.
        verify:   check all sections; without it only header, table and "config" are (for images of many GB that were
                  verified before).
        progress: called as progress(done, total) in bytes.
        The file must not be cut short while it is mapped.
        """
        path = Path(path)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not block
        except (OSError, ValueError) as error:
            found = getattr(error, "strerror", None) or str(error)
            raise _refusal(path, "header", found, "a readable file") from None
        try:
            return cls._checked(path, fd, hardware, verify, progress)
        except OSError as error:
            raise _refusal(path, "header", f"{error.strerror}", "a readable file") from None
        finally:
            os.close(fd)

    @classmethod
    def _checked(
        cls, path: Path, fd: int, hardware: dict | None, verify: bool, progress: ReportProgress | None
    ) -> "Image":
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(path, "header", "no regular file", "an image")
        digest, table = _read_table(path, fd, status.st_size)
        sections = list(table.values()) if verify else [table[CONFIG]]
        # "config" first: an image for other hardware is refused before gigabytes are read.
        sections.sort(key=lambda section: section.name != CONFIG)
        done, total = 0, sum(section.padded for section in sections)

        def report(size: int) -> None:
            nonlocal done
            done += size
            if progress is not None:
                progress(done, total)

        config: dict = {}
        for section in sections:
            _check_section(path, section, fd, report)
            if section.name == CONFIG:
                config = _parse_config(path, _pread(path, CONFIG, fd, section.offset, section.bytes), digest)
                _check_hardware(path, config["hardware"], hardware)
        try:
            mapped = mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ)
        except ValueError:
            raise _refusal(path, "header", "a file that changes", f"{status.st_size} bytes") from None
        return cls(path, digest, table, config, np.frombuffer(mapped, np.uint8))

    @property
    def names(self) -> list[str]:
        """The sections in file order."""
        return list(self.table)

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.data.size

    def section(self, name: str) -> np.ndarray:
        """The payload of a section: uint8 [bytes], read-only, a view of the mapped file (so 4096-byte aligned)."""
        if name not in self.table:
            raise _refusal(self.path, name, "no such section", ", ".join(self.table))
        section = self.table[name]
        return self.data[section.offset : section.offset + section.bytes]


def _read_table(path: Path, fd: int, size: int) -> tuple[int, dict[str, Section]]:
    """Check header and section table of a file of `size` bytes: (hardware hash, sections)."""
    if size < HEADER.size:
        raise _refusal(path, "header", f"a file of {size} bytes", f"at least {HEADER.size}")
    raw = _pread(path, "header", fd, 0, HEADER.size)
    magic, version, header_bytes, count, flags, total, digest, crc, zeros = HEADER.unpack(raw)
    if magic != MAGIC:
        raise _refusal(path, "header", f"magic {magic!r}", f"{MAGIC!r}")
    if version != VERSION:
        raise _refusal(path, "header", f"format version {version}", f"{VERSION}")
    if not 1 <= count <= MAX_SECTIONS:
        raise _refusal(path, "header", f"{count} sections", f"1..{MAX_SECTIONS}")
    if header_bytes != _header_bytes(count):
        raise _refusal(path, "header", f"{header_bytes} header bytes", f"{_header_bytes(count)} for {count} sections")
    if header_bytes > size:
        raise _refusal(path, "table", f"a file of {size} bytes", f"at least {header_bytes}, the header bytes")
    head = bytearray(_pread(path, "table", fd, 0, header_bytes))
    head[HEADER_CRC] = bytes(4)
    if zlib.crc32(head) != crc:
        raise _refusal(path, "header", f"checksum {zlib.crc32(head):08x} of header and table", f"{crc:08x}")
    if flags or any(zeros):
        raise _refusal(path, "header", "flags or reserved bytes that are not zero", "zeros")
    if total != size:
        raise _refusal(path, "header", f"{size} bytes in the file", f"{total}, the header's total")
    return digest, _parse_entries(path, bytes(head), count, total)


def _parse_entries(path: Path, head: bytes, count: int, total: int) -> dict[str, Section]:
    """Check the section table in `head`, header and table of a file of `total` bytes."""
    end = HEADER.size + count * ENTRY.size
    entries = [ENTRY.unpack_from(head, offset) for offset in range(HEADER.size, end, ENTRY.size)]
    expected = _place(
        path,
        [
            (name.rstrip(b"\0").decode("latin-1"), size, FORMATS[code][0] if code < len(FORMATS) else str(code))
            for name, _, size, _, code, _ in entries
        ],
    )
    table = {}
    for (_, offset, _, crc, _, zeros), section in zip(entries, expected.values(), strict=True):
        if offset != section.offset:
            raise _refusal(path, section.name, f"offset {offset}", f"{section.offset}, where the one before ends")
        if any(zeros):
            raise _refusal(path, section.name, "reserved bytes that are not zero", "zeros")
        table[section.name] = replace(section, crc=crc)
    if _total_bytes(table) != total:
        raise _refusal(path, "table", f"sections up to byte {_total_bytes(table)}", f"{total}, the header's total")
    if any(head[end:]):
        raise _refusal(path, "table", "padding that is not zero", "zeros")
    return table


def _check_hardware(path: Path, found: dict, wanted: dict | None) -> None:
    """Refuse an image for other hardware, naming the parameters that differ."""
    if wanted is None or hardware_hash(found) == hardware_hash(wanted):
        return
    wanted = json.loads(canonical_json(wanted))
    differ = [key for key in sorted({*found, *wanted}) if _value(found, key) != _value(wanted, key)]
    more = f" and {len(differ) - 8} more" if len(differ) > 8 else ""

    def listed(parameters: dict) -> str:
        return ", ".join(f"{_name(key)} = {_value(parameters, key):.40}" for key in differ[:8]) + more

    raise _refusal(path, CONFIG, f"hardware parameters {listed(found)}", listed(wanted))


def _value(parameters: dict, key: str) -> str:
    return canonical_json(parameters[key]) if key in parameters else "absent"


def _name(key: str) -> str:
    return key if key.isidentifier() and key.isascii() and len(key) <= 40 else _short(key)


# --- command ----------------------------------------------------------------------------------------------------------


def describe(image: Image) -> list[tuple[str, ...]]:
    """A row per section: name, element format, offset (hexadecimal), payload bytes, checksum (hexadecimal)."""
    return [(s.name, s.format, f"{s.offset:#x}", f"{s.bytes:,}", f"{s.crc:08x}") for s in image.table.values()]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("image")(image_command)


def image_command(
    file: Annotated[Path, typer.Argument(help="Image written by `lutloom compile`.")],
    verify: Annotated[bool, typer.Option(help="Check the sections' checksums too.")] = True,
) -> None:
    """Check an image and print its sections and hardware parameters."""
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("checksums", total=None)
        image = Image.open(
            file, verify=verify, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    title = f"{file.name}: {image.bytes:,} bytes, {'verified' if verify else 'sections not verified'}"
    sections = Table("section", "format", "offset", "bytes", "CRC-32", title=escape(title))
    for row in describe(image):
        sections.add_row(*row)
    parameters = Table("hardware parameter", "value", title=f"hardware hash {image.hardware_hash:016x}")
    for key, value in sorted(image.config["hardware"].items()):
        parameters.add_row(escape(_name(key)), escape(json.dumps(value)))
    console.print(sections, parameters)
