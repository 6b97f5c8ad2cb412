"""The image: one self-describing, little-endian file with all that the accelerator reads.

The file is copied as it is to the card's HBM and memory-mapped by the golden machine, so an offset in the file is an
offset in memory. A header and section table come first, then the sections in table order, each on a 4096-byte border
and zero-padded to the next. CRC-32s cover every bit. docs/image.md has the layout byte by byte.

A file that is not exactly as it should be is refused with a UserError that names the file and the section ("header"
and "table" for what stands before the sections). No size in the file is believed before it is bounded.
"""

import json
import mmap
import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from lutloom.image_format import (
    CONFIG,
    ENTRY,
    FORMATS,
    HEADER,
    HEADER_CRC,
    MAGIC,
    MAX_SECTIONS,
    VERSION,
    Section,
    canonical_json,
    check_section,
    hardware_hash,
    header_bytes,
    parse_config,
    place,
    read_exactly,
    refusal,
    short,
    total_bytes,
)

ReportProgress = Callable[[int, int], None]  # (bytes checked so far, bytes to check)


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
            raise refusal(path, "header", found, "a readable file") from None
        try:
            return cls._checked(path, fd, hardware, verify, progress)
        except OSError as error:
            raise refusal(path, "header", f"{error.strerror}", "a readable file") from None
        finally:
            os.close(fd)

    @classmethod
    def _checked(
        cls, path: Path, fd: int, hardware: dict | None, verify: bool, progress: ReportProgress | None
    ) -> "Image":
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(path, "header", "no regular file", "an image")
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
            check_section(path, section, fd, report)
            if section.name == CONFIG:
                config = parse_config(path, read_exactly(path, CONFIG, fd, section.offset, section.bytes), digest)
                _check_hardware(path, config["hardware"], hardware)
        try:
            mapped = mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ)
        except ValueError:
            raise refusal(path, "header", "a file that changes", f"{status.st_size} bytes") from None
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
            raise refusal(self.path, name, "no such section", ", ".join(self.table))
        section = self.table[name]
        return self.data[section.offset : section.offset + section.bytes]


def _read_table(path: Path, fd: int, size: int) -> tuple[int, dict[str, Section]]:
    """Check header and section table of a file of `size` bytes: (hardware hash, sections)."""
    if size < HEADER.size:
        raise refusal(path, "header", f"a file of {size} bytes", f"at least {HEADER.size}")
    raw = read_exactly(path, "header", fd, 0, HEADER.size)
    magic, version, head_size, count, flags, total, digest, crc, zeros = HEADER.unpack(raw)
    if magic != MAGIC:
        raise refusal(path, "header", f"magic {magic!r}", f"{MAGIC!r}")
    if version != VERSION:
        raise refusal(path, "header", f"format version {version}", f"{VERSION}")
    if not 1 <= count <= MAX_SECTIONS:
        raise refusal(path, "header", f"{count} sections", f"1..{MAX_SECTIONS}")
    if head_size != header_bytes(count):
        raise refusal(path, "header", f"{head_size} header bytes", f"{header_bytes(count)} for {count} sections")
    if head_size > size:
        raise refusal(path, "table", f"a file of {size} bytes", f"at least {head_size}, the header bytes")
    head = bytearray(read_exactly(path, "table", fd, 0, head_size))
    head[HEADER_CRC] = bytes(4)
    if zlib.crc32(head) != crc:
        raise refusal(path, "header", f"checksum {zlib.crc32(head):08x} of header and table", f"{crc:08x}")
    if flags or any(zeros):
        raise refusal(path, "header", "flags or reserved bytes that are not zero", "zeros")
    if total != size:
        raise refusal(path, "header", f"{size} bytes in the file", f"{total}, the header's total")
    return digest, _parse_entries(path, bytes(head), count, total)


def _parse_entries(path: Path, head: bytes, count: int, total: int) -> dict[str, Section]:
    """Check the section table in `head`, header and table of a file of `total` bytes."""
    end = HEADER.size + count * ENTRY.size
    entries = [ENTRY.unpack_from(head, offset) for offset in range(HEADER.size, end, ENTRY.size)]
    expected = place(
        path,
        [
            (name.rstrip(b"\0").decode("latin-1"), size, FORMATS[code][0] if code < len(FORMATS) else str(code))
            for name, _, size, _, code, _ in entries
        ],
    )
    table = {}
    for (_, offset, _, crc, _, zeros), section in zip(entries, expected.values(), strict=True):
        if offset != section.offset:
            raise refusal(path, section.name, f"offset {offset}", f"{section.offset}, where the one before ends")
        if any(zeros):
            raise refusal(path, section.name, "reserved bytes that are not zero", "zeros")
        table[section.name] = replace(section, crc=crc)
    if total_bytes(table) != total:
        raise refusal(path, "table", f"sections up to byte {total_bytes(table)}", f"{total}, the header's total")
    if any(head[end:]):
        raise refusal(path, "table", "padding that is not zero", "zeros")
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

    raise refusal(path, CONFIG, f"hardware parameters {listed(found)}", listed(wanted))


def _value(parameters: dict, key: str) -> str:
    return canonical_json(parameters[key]) if key in parameters else "absent"


def _name(key: str) -> str:
    return key if key.isidentifier() and key.isascii() and len(key) <= 40 else short(key)


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
