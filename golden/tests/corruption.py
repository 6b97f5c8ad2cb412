"""Random damage to an image file, for tests: every kind must be refused by `Image.open`.

`corrupt(path, seed)` changes the file in place (work on a copy) and says what it did. Kinds that end in "resealed"
recompute the CRC of header and table afterwards, as a forger would, so that the checks behind it are reached.
"""

import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

from lutloom.image_format import ENTRY, HEADER, HEADER_CRC, PAGE

U32, U64 = 1 << 32, 1 << 64
# Byte ranges of the fields in the header and in an entry of the section table
VERSION, HEAD_BYTES, COUNT, FLAGS = (8, 12), (12, 16), (16, 20), (20, 24)
TOTAL, HASH, ZEROS = (24, 32), (32, 40), (44, 64)
NAME, OFFSET, SIZE, CRC, FORMAT, ENTRY_ZEROS = (0, 24), (24, 32), (32, 40), (40, 44), (44, 48), (48, 64)


class Damage:
    """A valid image opened for changes."""

    def __init__(self, path: Path, rng: random.Random):
        self.path, self.rng = path, rng
        self.size = path.stat().st_size
        header = HEADER.unpack(self.read(0, HEADER.size))
        self.head_bytes, self.count = header[2], header[3]
        self.table_end = HEADER.size + self.count * ENTRY.size
        self.entries = [ENTRY.unpack(self.read(self.entry(i), ENTRY.size)) for i in range(self.count)]

    def entry(self, index: int) -> int:
        return HEADER.size + index * ENTRY.size

    def read(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def set(self, field: tuple[int, int], value: int, entry: int | None = None) -> None:
        """Store a number that differs from what is there."""
        base = 0 if entry is None else self.entry(entry)
        start, stop = base + field[0], base + field[1]
        value %= 1 << 8 * (stop - start)
        if value == int.from_bytes(self.read(start, stop - start), "little"):
            value ^= 1
        self.write(start, value.to_bytes(stop - start, "little"))

    def flip(self, start: int, stop: int) -> None:
        """Flip one bit in a range of bytes."""
        at = self.rng.randrange(start, stop)
        self.write(at, bytes([self.read(at, 1)[0] ^ 1 << self.rng.randrange(8)]))

    def reseal(self) -> None:
        """Make the CRC of header and table right for what the header now says is its length."""
        size = int.from_bytes(self.read(HEAD_BYTES[0], 4), "little")
        head = bytearray(self.read(0, min(size, self.path.stat().st_size)))
        head[HEADER_CRC] = bytes(4)
        self.write(HEADER_CRC.start, zlib.crc32(head).to_bytes(4, "little"))

    def any_entry(self) -> int:
        return self.rng.randrange(self.count)

    def absurd(self, limit: int) -> int:
        """A number that is extreme, near a power of two, or random."""
        near = ((1 << self.rng.randrange(limit.bit_length())) + self.rng.randrange(-1, 2)) % limit
        return self.rng.choice([limit - 1, limit - PAGE, limit // 2, 0, near, self.rng.randrange(limit)])

    def padded(self, index: int) -> int:
        """Bytes of a section in the file."""
        return -(-self.entries[index][2] // PAGE) * PAGE

    def config(self) -> int:
        return [name.rstrip(b"\0") for name, *_ in self.entries].index(b"config")

    def rewrite_config(self, offset: int, data: bytes) -> None:
        """Change section "config" and make all checksums right."""
        index = self.config()
        start = self.entries[index][1]
        self.write(start + offset, data)
        self.set(CRC, zlib.crc32(self.read(start, self.padded(index))), index)
        self.reseal()


def truncated(d: Damage) -> None:
    os.truncate(d.path, d.rng.randrange(d.size))


def truncated_to_pages(d: Damage) -> None:
    os.truncate(d.path, PAGE * d.rng.randrange(d.size // PAGE))


def truncated_in_header(d: Damage) -> None:
    os.truncate(d.path, d.rng.randrange(d.table_end))


def truncated_resealed(d: Damage) -> None:
    size = PAGE * d.rng.randrange(d.head_bytes // PAGE, d.size // PAGE)
    os.truncate(d.path, size)
    d.set(TOTAL, size)
    d.reseal()


def appended(d: Damage) -> None:
    size = d.rng.choice([1, PAGE, d.rng.randrange(1, 3 * PAGE)])
    d.write(d.size, d.rng.choice([bytes(size), d.rng.randbytes(size)]))


def appended_resealed(d: Damage) -> None:
    size = d.size + PAGE * d.rng.randrange(1, 1000)
    os.truncate(d.path, size)
    d.set(TOTAL, size)
    d.reseal()


def bit_in_header(d: Damage) -> None:
    d.flip(0, HEADER.size)


def bit_in_table(d: Damage) -> None:
    d.flip(HEADER.size, d.table_end)


def bit_in_header_padding(d: Damage) -> None:
    d.flip(min(d.table_end, d.head_bytes - 1), d.head_bytes)


def bit_in_header_padding_resealed(d: Damage) -> None:
    d.flip(min(d.table_end, d.head_bytes - 1), d.head_bytes)
    d.reseal()


def bit_in_section(d: Damage) -> None:
    index = d.rng.choice([i for i in range(d.count) if d.entries[i][2]])
    d.flip(d.entries[index][1], d.entries[index][1] + d.entries[index][2])


def bit_in_section_padding(d: Damage) -> None:
    ranges = [(e[1] + e[2], e[1] + d.padded(i)) for i, e in enumerate(d.entries) if e[2] % PAGE]
    d.flip(*d.rng.choice(ranges or [(d.size - 1, d.size)]))


def section_padding_resealed(d: Damage) -> None:
    index = d.config()
    if d.padded(index) == d.entries[index][2]:
        d.set(CRC, 0, index)  # no padding there
        d.reseal()
    else:
        d.rewrite_config(d.padded(index) - 1, b"\1")


def zeroed_page(d: Damage) -> None:
    page = PAGE * d.rng.randrange(d.size // PAGE)
    d.write(page if any(d.read(page, PAGE)) else 0, bytes(PAGE))  # the header's page is never zero


def noise_page(d: Damage) -> None:
    d.write(PAGE * d.rng.randrange(d.size // PAGE), d.rng.randbytes(PAGE))


def swapped_sections(d: Damage) -> None:
    """Exchange the first pages of two sections."""
    filled = [e[1] for e in d.entries if e[2]]
    first, second = d.rng.sample(filled, 2) if len(filled) > 1 else (0, filled[0])
    a, b = d.read(first, PAGE), d.read(second, PAGE)
    if a == b:
        first, a = 0, d.read(0, PAGE)
    d.write(first, b)
    d.write(second, a)


def swapped_entries(d: Damage) -> None:
    i = d.config()
    j = d.rng.choice([k for k in range(d.count) if k != i] or [i])
    a, b = d.read(d.entry(i), ENTRY.size), d.read(d.entry(j), ENTRY.size)
    d.write(d.entry(i), b)
    d.write(d.entry(j), a)
    if i == j:
        d.flip(d.entry(i), d.entry(i) + ENTRY.size)


def swapped_entries_resealed(d: Damage) -> None:
    swapped_entries(d)
    d.reseal()


def hardware_hash(d: Damage) -> None:
    d.set(HASH, d.rng.randrange(U64))


def hardware_hash_resealed(d: Damage) -> None:
    hardware_hash(d)
    d.reseal()


def config_resealed(d: Damage) -> None:
    """Replace the configuration, same length: noise, broken or deep JSON, no object, no hardware."""
    size = d.entries[d.config()][2]
    text = d.rng.choice([b"", b"{", b"[" * size, b"{}", b"[]", b"NaN", b'{"hardware":7}', b'{"hardware":{}}', b"\xff"])
    data = text[:size].ljust(size) if d.rng.random() < 0.8 else d.rng.randbytes(size)
    d.rewrite_config(0, data)


def absurd_count(d: Damage) -> None:
    d.set(COUNT, d.absurd(U32))


def absurd_count_resealed(d: Damage) -> None:
    """A count that agrees with the length of the header as it is given, with a right CRC of what is there."""
    count = d.rng.choice([d.absurd(U32), d.count - 1, d.count + 1, d.rng.randrange(5000)])
    count += count == d.count
    d.set(COUNT, count)
    head_bytes = -(-(HEADER.size + ENTRY.size * count) // PAGE) * PAGE
    d.write(HEAD_BYTES[0], (head_bytes % U32).to_bytes(4, "little"))
    d.reseal()


def absurd_header_bytes_resealed(d: Damage) -> None:
    d.set(HEAD_BYTES, d.absurd(U32))
    d.reseal()


def absurd_total(d: Damage) -> None:
    d.set(TOTAL, d.absurd(U64))


def absurd_total_resealed(d: Damage) -> None:
    absurd_total(d)
    d.reseal()


def absurd_size(d: Damage) -> None:
    d.set(SIZE, d.absurd(U64), d.any_entry())


def absurd_size_resealed(d: Damage) -> None:
    """A section of an absurd size; half the time with a total that agrees, modulo 2^64."""
    index = d.any_entry()
    size = d.absurd(U64)
    if -(-size // PAGE) * PAGE == d.padded(index):
        size += PAGE  # within its last page a size may change without any other field
    d.set(SIZE, size, index)
    if d.rng.random() < 0.5:
        d.set(TOTAL, d.size - d.padded(index) + -(-size // PAGE) * PAGE)
    d.reseal()


def absurd_offset(d: Damage) -> None:
    d.set(OFFSET, d.absurd(U64), d.any_entry())


def absurd_offset_resealed(d: Damage) -> None:
    absurd_offset(d)
    d.reseal()


def gap_resealed(d: Damage) -> None:
    """Insert a page before a section, with offsets and total that agree."""
    index = d.any_entry()
    at = d.entries[index][1]
    d.write(at, bytes(PAGE) + d.read(at, d.size - at))
    for later in range(index, d.count):
        d.set(OFFSET, d.entries[later][1] + PAGE, later)
    d.set(TOTAL, d.size + PAGE)
    d.reseal()


def name_resealed(d: Damage) -> None:
    """An illegal or repeated name, or no section "config"."""
    names = [b"", b"a b", b"a\0b", b"\x1b[31m", b"\xff" * 24, b"header", b"table", b"../x", b"confih"]
    target = d.config()
    if d.count > 1 and d.rng.random() < 0.5:
        names = [d.entries[target - 1][0]]
    d.write(d.entry(target), d.rng.choice(names).ljust(24, b"\0"))
    d.reseal()


def format_resealed(d: Damage) -> None:
    d.set(FORMAT, d.rng.choice([U32 - 1, 10, d.rng.randrange(10, U32)]), d.any_entry())
    d.reseal()


def checksum_resealed(d: Damage) -> None:
    d.set(CRC, d.rng.randrange(U32), d.any_entry())
    d.reseal()


def reserved_resealed(d: Damage) -> None:
    if d.rng.random() < 0.5:
        d.set(d.rng.choice([FLAGS, ZEROS]), d.rng.randrange(1, U32))
    else:
        d.set(ENTRY_ZEROS, d.rng.randrange(1, U32), d.any_entry())
    d.reseal()


def version_resealed(d: Damage) -> None:
    d.set(VERSION, d.absurd(U32))
    d.reseal()


def magic_resealed(d: Damage) -> None:
    d.flip(0, 8)
    d.reseal()


KINDS: tuple[Callable[[Damage], None], ...] = (
    truncated, truncated_to_pages, truncated_in_header, truncated_resealed, appended, appended_resealed,
    bit_in_header, bit_in_table, bit_in_header_padding, bit_in_header_padding_resealed,
    bit_in_section, bit_in_section_padding, section_padding_resealed, zeroed_page, noise_page,
    swapped_sections, swapped_entries, swapped_entries_resealed, hardware_hash, hardware_hash_resealed,
    config_resealed, absurd_count, absurd_count_resealed, absurd_total, absurd_total_resealed,
    absurd_header_bytes_resealed, absurd_size, absurd_size_resealed, absurd_offset, absurd_offset_resealed,
    gap_resealed, name_resealed, format_resealed, checksum_resealed, reserved_resealed, version_resealed,
    magic_resealed,
)  # fmt: skip


def corrupt(path: str | Path, seed: int) -> str:
    """Damage the valid image at `path` in one way that `seed` picks, and return the kind's name."""
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    kind(Damage(Path(path), rng))
    return kind.__name__
