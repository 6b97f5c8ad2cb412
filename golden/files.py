"""Places that commands write to: checked before the work, written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lutloom.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The name under which to write a file that takes the place of `path` at the end; its folder is made if need be.

    UserError if that cannot be.
    """
    try:
        temporary = check_output(path).with_name(path.name + ".new")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: found {error.strerror}, allowed a file that can be written") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically. As `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check_output(path: Path, folder: bool = False) -> Path:
    """`path`, if a file (or, with `folder`, files in it) can be written there; UserError otherwise.

    Called before the work whose result goes there. Makes nothing: what is refused later leaves no empty folder.
    """
    home = path.absolute() if folder else path.absolute().parent
    try:
        there = next(place for place in (home, *home.parents) if place.exists())
        if path.is_dir() and not folder:
            found = "a folder"
        elif not there.is_dir():
            found = f"a file {there}"
        elif not os.access(there, os.W_OK | os.X_OK):
            found = f"{there} without write permission"
        else:
            return path
    except OSError as error:  # such as a name that is too long
        found = error.strerror
    raise UserError(f"{path}: found {found}, allowed a {'folder' if folder else 'file'} that can be written")


def check_state(path: Path) -> None:
    """UserError if a run cannot be resumed, as its state file is missing."""
    if not path.is_file():
        raise UserError(f"{path}: state: found nothing, allowed a state file of an earlier run")
