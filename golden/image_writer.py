"""Writes an image: a new file, memory-mapped section by section, that replaces the old one when all is done."""

import mmap
import os
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lutloom.image_format import (
    CONFIG,
    ENTRY,
    FORMAT_CODES,
    HEADER,
    HEADER_CRC,
    MAGIC,
    VERSION,
    checksum,
    hardware_hash,
    header_bytes,
    layout,
    parse_config,
    refusal,
    total_bytes,
)


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
            raise refusal(path, CONFIG, f"hardware parameters without JSON ({error})", "a JSON object") from None
        self.table = layout(path, sections, formats)
        self.bytes = total_bytes(self.table)
        self._views: dict[str, np.ndarray] = {}
        self._fd = self._create()

    def _create(self) -> int:
        """Make the temporary file with all its blocks reserved, and map it. Returns its descriptor."""
        try:
            self._check_place()
            self.temporary.unlink(missing_ok=True)  # of a run that was killed
            fd = os.open(self.temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise refusal(self.temporary, "header", f"{error.strerror}", "a path that can be written") from None
        try:
            # Without its blocks a mapped file kills the process (SIGBUS) when the disk is full.
            os.posix_fallocate(fd, 0, self.bytes)
            data = np.frombuffer(mmap.mmap(fd, self.bytes), np.uint8)
        except OSError as error:
            os.close(fd)
            self.temporary.unlink(missing_ok=True)
            raise refusal(self.temporary, "header", f"{error.strerror}", f"room for {self.bytes} bytes") from None
        self._views = {s.name: data[s.offset : s.offset + s.bytes] for s in self.table.values()}
        return fd

    def _check_place(self) -> None:
        if self.path.is_dir() or not self.path.parent.is_dir():
            found = "a folder" if self.path.is_dir() else f"no folder {self.path.parent}"
            raise refusal(self.path, "header", found, "a file name in a folder that exists")
        free = shutil.disk_usage(self.path.parent).free
        if free < self.bytes:
            raise refusal(self.path, "header", f"{free} bytes free", f"{self.bytes}, which the image needs")

    def section(self, name: str) -> np.ndarray:
        """The payload of a section to fill: uint8 [bytes], zero at first, writable until `close`."""
        if name not in self._views:
            raise refusal(self.path, name, "no such open section", ", ".join(self.table))
        return self._views[name]

    def write(self, name: str, data: bytes | np.ndarray) -> None:
        """Fill a whole section with the bytes of `data`: C order, little-endian as the array must be."""
        if isinstance(data, np.ndarray):
            raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        else:
            raw = np.frombuffer(data, np.uint8)
        section = self.section(name)
        if raw.size != section.size:
            raise refusal(self.path, name, f"{raw.size} bytes to write", f"{section.size}")
        section[:] = raw

    def close(self) -> None:
        """Compute the checksums, write the header, make the file durable and put it in place of `path`."""
        if self._fd < 0:
            return
        try:
            parse_config(self.path, self.section(CONFIG).tobytes(), self.hardware_hash)
            # Reads and the shared mapping see the same pages, so nothing has to be flushed before.
            self.table = {s.name: replace(s, crc=checksum(self.path, s, self._fd)) for s in self.table.values()}
            os.pwrite(self._fd, self._header(), 0)
            os.fsync(self._fd)
            os.replace(self.temporary, self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            self.abort()
            raise refusal(self.path, "header", f"{error.strerror}", "a path that can be written") from None
        except BaseException:
            self.abort()
            raise
        self._release()

    def _header(self) -> bytes:
        size = header_bytes(len(self.table))
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
