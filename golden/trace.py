"""Traces: what every stage of a program computed, as an .npz, and their comparison bit for bit."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lutloom.errors import UserError
from lutloom.files import write_file

TOKENS = "tokens"  # the key of a trace that holds the prompt; all others are stages

Trace = dict[str, np.ndarray]


@dataclass(frozen=True)
class BitDifference:
    """The first element of a stage that differs: (row, column), both bit patterns, how many differ in all."""

    stage: str
    row: int
    column: int
    expected: int
    found: int
    count: int

    def __str__(self) -> str:
        return (f"{self.stage}: {self.count:,} values differ; first: token {self.row}, value {self.column}: "
                f"golden {self.expected:08x}, found {self.found:08x}")  # fmt: skip


def save_trace(path: Path, tokens: np.ndarray, trace: Trace) -> None:
    """Write an .npz: "tokens" int64 [T], and every stage float32 [rows, n]."""
    data = io.BytesIO()
    np.savez(data, **{TOKENS: np.asarray(tokens, np.int64)}, **trace)
    write_file(path, data.getvalue())


def load_trace(path: Path) -> Trace:
    """The arrays of an .npz; UserError for a file that is none, or a stage that is not float32 [rows, n]."""
    allowed = "an .npz of stage -> float32 [tokens, n]"
    try:
        with np.load(path, allow_pickle=False) as file:
            trace = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else "no archive of arrays"
        raise UserError(f"{path}: file: found {found}, allowed {allowed}") from None
    for name, values in trace.items():
        tokens = name == TOKENS
        good = np.issubdtype(values.dtype, np.integer) if tokens else values.dtype == np.float32
        if not good or values.ndim != (1 if tokens else 2):
            wanted = "integers [T]" if tokens else "float32 [tokens, n]"
            raise UserError(f"{path}: {name}: found {values.dtype} {list(values.shape)}, allowed {wanted}")
    return trace


def compare_bits(golden: Trace, other: Trace, file: Path) -> list[BitDifference]:
    """The stages of `other` that are not golden's bit for bit, in the order of the program.

    `other` may lack stages. UserError for a stage of another name or shape, or if there is none at all.
    """
    stages = [name for name in other if name != TOKENS]
    unknown = [name for name in stages if name not in golden]
    if unknown or not stages:
        raise UserError(f"{file}: found {'stage ' + unknown[0] if unknown else 'no stage'}, allowed the image's stages")
    differences = []
    for stage, values in golden.items():
        if stage not in other:
            continue
        if other[stage].shape != values.shape:
            raise UserError(f"{file}: {stage}: found {list(other[stage].shape)}, allowed {list(values.shape)}")
        x, y = (np.ascontiguousarray(a).view(np.uint32) for a in (values, other[stage]))
        rows, columns = np.nonzero(x != y)
        if len(rows):
            row, column = int(rows[0]), int(columns[0])
            differences.append(BitDifference(stage, row, column, int(x[row, column]), int(y[row, column]), len(rows)))
    return differences
