"""The format of an image, byte by byte as in docs/image.md: where sections lie, checks that writer and reader share."""

import hashlib
import json
import operator
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
        raise refusal(path, "table", f"a format for {unknown[0]!r}", "formats of the sections only")
    return place(path, [(name, operator.index(size), formats.get(name, "bytes")) for name, size in pairs])


def place(path: str | Path, entries: list[tuple[str, int, str]]) -> dict[str, Section]:
    """`layout` of (name, payload bytes, format) in file order; what the writer makes and the reader expects."""
    if not 1 <= len(entries) <= MAX_SECTIONS:
        raise refusal(path, "table", f"{len(entries)} sections", f"1..{MAX_SECTIONS}")
    table: dict[str, Section] = {}
    offset = header_bytes(len(entries))
    for name, size, form in entries:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED_NAMES:
            allowed = f"1 to 24 of A-Z a-z 0-9 _ . -, not {' or '.join(RESERVED_NAMES)}"
            raise refusal(path, "table", f"name {short(name)}", allowed)
        if name in table:
            raise refusal(path, name, "the name twice", "each name once")
        if form not in FORMAT_CODES:
            raise refusal(path, name, f"element format {short(form)}", ANY_FORMAT)
        element = FORMATS[FORMAT_CODES[form]][1]
        if not 0 <= size <= MAX_BYTES or size % element:
            raise refusal(path, name, f"{size} bytes", f"0..{MAX_BYTES} in elements of {element}")
        table[name] = Section(name, offset, size, form)
        offset += padded(size)
    if CONFIG not in table:
        raise refusal(path, CONFIG, "no such section", "exactly one")
    if table[CONFIG].format != "json" or not 0 < table[CONFIG].bytes <= MAX_CONFIG:
        found = f"{table[CONFIG].bytes} bytes of format {table[CONFIG].format}"
        raise refusal(path, CONFIG, found, f"1..{MAX_CONFIG} bytes of format json")
    if offset > MAX_BYTES:
        raise refusal(path, "table", f"{offset} bytes in all", f"at most {MAX_BYTES}")
    return table


def header_bytes(sections: int) -> int:
    """Bytes of header and section table, whole pages."""
    return padded(HEADER.size + sections * ENTRY.size)


def total_bytes(table: dict[str, Section]) -> int:
    """Bytes of the whole file."""
    return header_bytes(len(table)) + sum(section.padded for section in table.values())


def refusal(path: str | Path, section: str, found: str, allowed: str) -> UserError:
    """The error of a file that is not as it should be, to be raised."""
    return UserError(f"{path}: section {section}: found {found}, allowed {allowed}")


def short(value: Any, limit: int = 40) -> str:
    """A value from outside as one short line of ASCII."""
    text = ascii(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


# --- checks -----------------------------------------------------------------------------------------------------------


def read_exactly(path: Path, name: str, fd: int, offset: int, length: int) -> bytes:
    """Exactly `length` bytes. Read, not mapped: an error of the disk is then an OSError, not the end of the process."""
    data = os.pread(fd, length, offset)
    if len(data) != length:
        raise refusal(path, name, f"{len(data)} bytes at offset {offset}", f"{length} (does the file change?)")
    return data


def checksum(path: Path, section: Section, fd: int, report: Callable[[int], None] = lambda size: None) -> int:
    """CRC-32 of a section with its padding; report(bytes) after every chunk."""
    crc, end = 0, section.offset + section.padded
    for offset in range(section.offset, end, CHUNK):
        chunk = read_exactly(path, section.name, fd, offset, min(CHUNK, end - offset))
        crc = zlib.crc32(chunk, crc)
        report(len(chunk))
    return crc


def check_section(path: Path, section: Section, fd: int, report: Callable[[int], None]) -> None:
    """Refuse a section whose checksum is wrong or whose padding is not zero."""
    crc = checksum(path, section, fd, report)
    if crc != section.crc:
        raise refusal(path, section.name, f"checksum {crc:08x}", f"{section.crc:08x}")
    if any(read_exactly(path, section.name, fd, section.offset + section.bytes, section.padded - section.bytes)):
        raise refusal(path, section.name, "padding that is not zero", "zeros")


def parse_config(path: Path, payload: bytes, expected_hash: int) -> dict:
    """The JSON object of section "config", strictly: no repeated keys, no NaN; its hardware must have that hash."""
    try:
        config = json.loads(payload.decode(), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
        json.dumps(config, ensure_ascii=False).encode()  # refuses half surrogate pairs, which nobody could print
        if not isinstance(config, dict) or not isinstance(config.get("hardware"), dict):
            raise refusal(path, CONFIG, short(config), 'a JSON object with an object "hardware"')
        found = hardware_hash(config["hardware"])
    except (ValueError, RecursionError) as error:
        raise refusal(path, CONFIG, f"no valid JSON ({short(str(error), 80)})", "a JSON object") from None
    if found != expected_hash:
        raise refusal(path, CONFIG, f"hardware parameters of hash {found:016x}", f"{expected_hash:016x} as in header")
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
