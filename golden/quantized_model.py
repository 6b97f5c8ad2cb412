"""A quantised model on disk: config.json + model.safetensors, and the checks that every load runs.

The file holds what quantisation changed: the quantised linears (the LM head among them, if it was) and the norm gains.
The embedding and the tokenizer are those of the float model it was made from; config.json names it and its hash.

config.json     {"format", "version", "source": {"name", "sha256"}, "norms": [tensor names], "linears": {name: entry}}
    source.name is what `lutloom.models.resolve` takes; a relative path counts from the quantised folder.
    entry       {"scheme": "covq" or "wvq", "inputs": K, "outputs": N, "parts": [float linears], ...}
                A linear computes its parts at once, outputs one after the other (q, k and v; gate and up).
    covq adds   "input": linears that read the same activations name the same input and share its tensors
    wvq adds    "centroids", "act_bits", "group"
model.safetensors, metadata {"format", "version", "source_sha256"}; tensors:
    covq  <input>.pairs   int32 [P, 2]           <linear>.w_cent     float16 or float32 [P, Gn, 16, 2]
          <input>.a_exp   int8 [P]               <linear>.idx        packed 4-bit
          <input>.a_cent  int8 [P, 64, 2]        <linear>.exp        uint8 [P, Gn]
          <linear>.lsb    float32 [Gn]           <linear>.start      int32 [N]
                                                 <linear>.out_scale  float32 [N]
    wvq   <linear>.pairs  int32 [P, 2]           <linear>.w_cent     int8 [P, Gn, C, 2]
          <linear>.exp    uint8 [P, Gn]          <linear>.idx        packed, 4, 5 or 6 bits
          <linear>.out_scale  float32 [N]
    both  <norm>          float32 [size]
Packed indices are uint8 [P, ceil(N * bits / 8)]: a position's indices one after the other, LSB first.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lutloom.covq import CovqLinear
from lutloom.errors import UserError
from lutloom.files import write_file
from lutloom.wvq import WvqLinear

FORMAT = "lutloom-quantized"
VERSION = 2
CONFIG_FILE = "config.json"
TENSOR_FILE = "model.safetensors"
COVQ_INPUT = ("pairs", "a_exp", "a_cent")
COVQ_LINEAR = ("w_cent", "idx", "exp", "lsb", "start", "out_scale")
WVQ_LINEAR = ("pairs", "w_cent", "idx", "exp", "out_scale")
ENTRY_KINDS = {
    "covq": {"inputs": int, "outputs": int, "parts": list, "input": str},
    "wvq": {"inputs": int, "outputs": int, "parts": list, "centroids": int, "act_bits": int, "group": int},
}

Linear = CovqLinear | WvqLinear


@dataclass
class QuantizedModel:
    """A validated quantised model."""

    linears: Mapping[str, Linear]  # by name, e.g. "model.layers.0.self_attn.qkv_proj", "lm_head"
    norms: dict[str, np.ndarray]  # by tensor name, float32 [size], e.g. "model.norm.weight"
    source: str  # the float model: a folder, a file or a short name
    source_sha256: str
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the float linears of a linear; default itself
    inputs: dict[str, str] = field(default_factory=dict)  # covq: name of the input that a linear shares

    def __post_init__(self):
        self.parts = {name: tuple(self.parts.get(name, (name,))) for name in self.linears}
        self._owner = {part: name for name, parts in self.parts.items() for part in parts}
        self._last: tuple[str, np.ndarray, np.ndarray] | None = None

    def linear(self, name: str, x: np.ndarray, sizes: dict[str, int] | None = None) -> np.ndarray:
        """The hook of the model's forward pass: x float32 [M, K] -> y float32 [M, outputs] of the float linear `name`.

        sizes: outputs of every float linear; needed where a quantised linear has several parts.
        """
        owner = self._owner[name]
        if self.parts[owner] == (name,):
            return self.linears[owner](x)
        if self._last is None or self._last[0] != owner or not _same(self._last[1], x):
            self._last = (owner, x, self.linears[owner](x))  # q, k and v are asked for one after the other
        widths = [sizes[part] for part in self.parts[owner]]
        place = self.parts[owner].index(name)
        first = sum(widths[:place])
        return self._last[2][..., first : first + widths[place]]

    @classmethod
    def load(cls, path: str | Path, source: str | Path | None = None) -> "QuantizedModel":
        """Read and check a folder. `source` overrides the float model that config.json names.

        UserError for a missing, damaged or foreign file, a missing or unexpected tensor, a wrong type, shape or value,
        an accumulator that could overflow, and a float model that is not the one quantised.
        """
        model = cls.open(path, source)
        model.linears = dict(model.linears)
        return model

    @classmethod
    def open(cls, path: str | Path, source: str | Path | None = None) -> "QuantizedModel":
        """As `load`, but every look into `linears` reads, checks and makes that one linear anew."""
        path = Path(path)
        config, file = _read_config(path), path / TENSOR_FILE
        names, metadata = _read_names(file)
        _expect(file, "metadata format", metadata.get("format"), FORMAT)
        _expect(file, "metadata version", metadata.get("version"), str(VERSION))
        sha256 = config["source"]["sha256"]
        _expect(file, "metadata source_sha256", metadata.get("source_sha256"), sha256)
        origin = str(source) if source else locate(path, config["source"]["name"])
        _expect(Path(origin), f"sha256 (demanded by {path / CONFIG_FILE})", source_hash(origin), sha256)

        entries = config["linears"]
        used = {tensor for name, entry in entries.items() for tensor in _tensor_names(name, entry).values()}
        used |= set(config["norms"])
        if used - names:
            raise UserError(f"{file}: tensor {min(used - names)}: found nothing, allowed one tensor of that name")
        if names - used:
            raise UserError(f"{file}: found tensor {min(names - used)}, allowed those that {CONFIG_FILE} names")
        norms = _read_tensors(file, {name: name for name in config["norms"]})
        for name, gain in norms.items():
            if gain.dtype != np.float32 or gain.ndim != 1 or not np.isfinite(gain).all():
                found = f"{gain.dtype} {list(gain.shape)}"
                raise UserError(f"{file}: {name}: found {found}, allowed finite float32 [size]")
        parts = {name: tuple(entry["parts"]) for name, entry in entries.items()}
        inputs = {name: entry["input"] for name, entry in entries.items() if entry["scheme"] == "covq"}
        return cls(LinearsOfFile(file, entries), norms, origin, sha256, parts, inputs)

    def save(self, path: str | Path, half: bool = True) -> None:
        """Write the folder. With `half` covq's weight centroids are float16; UserError if that would change them."""
        path = Path(path)
        tensors = {name: np.ascontiguousarray(gain, np.float32) for name, gain in self.norms.items()}
        entries = {}
        for name, layer in self.linears.items():
            outputs, inputs = layer.shape
            entry = {"scheme": "wvq" if isinstance(layer, WvqLinear) else "covq", "inputs": inputs, "outputs": outputs}
            entry["parts"] = list(self.parts[name])
            if isinstance(layer, WvqLinear):
                entry |= {"centroids": layer.centroids, "act_bits": layer.act_bits, "group": layer.group}
            else:
                entry |= {"input": self.inputs[name]}
            tensors |= {tensor: getattr(layer, key) for key, tensor in _tensor_names(name, entry).items()}
            tensors[f"{name}.idx"] = pack_indices(layer.idx, index_bits(entry))
            if half and isinstance(layer, CovqLinear):
                tensors[f"{name}.w_cent"] = _float16(name, layer.w_cent)
            entries[name] = entry
        config = {
            "format": FORMAT,
            "version": VERSION,
            "source": {"name": _relative(self.source, path), "sha256": self.source_sha256},
            "linears": entries,
            "norms": sorted(self.norms),
        }
        metadata = {"format": FORMAT, "version": str(VERSION), "source_sha256": self.source_sha256}
        data = save({key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}, metadata)
        write_file(path / TENSOR_FILE, data)
        write_file(path / CONFIG_FILE, (json.dumps(config, indent=1) + "\n").encode())


class LinearsOfFile(Mapping):
    """The linears of a file by name, each read when it is asked for."""

    def __init__(self, file: Path, entries: dict[str, dict]):
        self.file, self.entries = file, entries

    def __getitem__(self, name: str) -> Linear:
        entry = self.entries[name]
        return _make_linear(name, entry, _read_tensors(self.file, _tensor_names(name, entry)), self.file)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def index_bits(entry: dict) -> int:
    """Bits of a stored weight index: log2 of the number of centroids."""
    return (entry.get("centroids", 16) - 1).bit_length()


def pack_indices(idx: np.ndarray, bits: int = 4) -> np.ndarray:
    """idx uint8 [P, N], values below 2^bits -> uint8 [P, ceil(N bits / 8)], LSB first, unused high bits 0."""
    stream = idx[..., None] >> np.arange(bits, dtype=np.uint8) & 1  # [P, N, bits]
    return np.packbits(stream.reshape(len(idx), -1), axis=1, bitorder="little")


def unpack_indices(packed: np.ndarray, outputs: int, bits: int = 4) -> np.ndarray:
    """The inverse of `pack_indices`: uint8 [P, ceil(N bits / 8)] -> uint8 [P, N]."""
    stream = np.unpackbits(packed, axis=1, count=outputs * bits, bitorder="little").reshape(len(packed), outputs, bits)
    return np.packbits(stream, axis=2, bitorder="little")[..., 0]


def file_hash(path: Path) -> str:
    """sha256 of a file, hexadecimal; UserError if there is none."""
    if not path.is_file():
        raise UserError(f"{path}: file: found nothing, allowed a float model's {TENSOR_FILE}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source_hash(source: str) -> str:
    """sha256 of a float model's weights, by whatever name `lutloom.models.resolve` knows it."""
    folder = Path(source)
    if folder.is_dir() and not list(folder.glob("*.index.json")):
        return file_hash(folder / TENSOR_FILE)
    from lutloom import models

    return models.resolve(source).sha256


def locate(folder: Path, name: str) -> str:
    """The float model that config.json of `folder` names: a relative path counts from the folder."""
    return str(folder / name) if (folder / name).exists() else name


def _relative(source: str | Path, folder: Path) -> str:
    path = Path(source)
    return os.path.relpath(path.resolve(), folder.resolve()) if path.exists() else str(source)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.ctypes.data == b.ctypes.data


def _float16(name: str, w_cent: np.ndarray) -> np.ndarray:
    stored = w_cent.astype(np.float16)
    if (stored.astype(np.float32) != w_cent).any():
        raise UserError(f"{name}: w_cent: found numbers that float16 cannot hold, allowed float16 numbers")
    return stored


def _tensor_names(name: str, entry: dict) -> dict[str, str]:
    """Field of the linear -> tensor of the file."""
    if entry["scheme"] == "wvq":
        return {key: f"{name}.{key}" for key in WVQ_LINEAR}
    shared = {key: f"{entry['input']}.{key}" for key in COVQ_INPUT}
    return shared | {key: f"{name}.{key}" for key in COVQ_LINEAR}


def _expect(file: Path, name: str, found, allowed) -> None:
    if found != allowed:
        raise UserError(f"{file}: {name}: found {found!r}, allowed {allowed!r}")


def _read_config(path: Path) -> dict:
    file = path / CONFIG_FILE
    try:
        config = json.loads(file.read_text())
    except FileNotFoundError:
        raise UserError(f"{file}: file: found nothing, allowed a {FORMAT} configuration") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: found no readable JSON ({error}), allowed a {FORMAT} configuration") from None
    _expect(file, "format", config.get("format") if isinstance(config, dict) else None, FORMAT)
    _expect(file, "version", config.get("version"), VERSION)
    kinds = {"source": dict, "linears": dict, "norms": list}
    for key, kind in kinds.items():
        if not isinstance(config.get(key), kind):
            raise UserError(f"{file}: {key}: found {config.get(key)!r}, allowed a JSON {kind.__name__}")
    for key in ("name", "sha256"):
        if not isinstance(config["source"].get(key), str):
            raise UserError(f"{file}: source.{key}: found {config['source'].get(key)!r}, allowed a string")
    for name, entry in config["linears"].items():
        _check_entry(file, name, entry)
    return config


def _check_entry(file: Path, name: str, entry) -> None:
    scheme = entry.get("scheme") if isinstance(entry, dict) else None
    if scheme not in ENTRY_KINDS:
        raise UserError(f"{file}: linears.{name}.scheme: found {scheme!r}, allowed {', '.join(ENTRY_KINDS)}")
    for key, kind in ENTRY_KINDS[scheme].items():
        if not isinstance(entry.get(key), kind):
            raise UserError(f"{file}: linears.{name}.{key}: found {entry.get(key)!r}, allowed {kind.__name__}")
    if not entry["parts"] or not all(isinstance(part, str) for part in entry["parts"]):
        raise UserError(f"{file}: linears.{name}.parts: found {entry['parts']!r}, allowed names of float linears")
    if scheme == "wvq" and entry["centroids"] not in (16, 32, 64):
        raise UserError(f"{file}: linears.{name}.centroids: found {entry['centroids']}, allowed 16, 32, 64")


def _read_names(file: Path) -> tuple[set[str], dict[str, str]]:
    with _opened(file) as handle:
        return set(handle.keys()), handle.metadata() or {}


def _read_tensors(file: Path, names: dict[str, str]) -> dict[str, np.ndarray]:
    """The tensors `names` (key -> tensor) by key."""
    with _opened(file) as handle:
        return {key: handle.get_tensor(tensor) for key, tensor in names.items()}


@contextmanager
def _opened(file: Path) -> Iterator:
    try:
        with safe_open(file, framework="numpy") as handle:
            yield handle
    except FileNotFoundError:
        raise UserError(f"{file}: file: found nothing, allowed a safetensors file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: found a damaged or foreign file ({error}), allowed a safetensors file") from None


def _make_linear(name: str, entry: dict, arrays: dict[str, np.ndarray], file: Path) -> Linear:
    inputs, outputs, bits = entry["inputs"], entry["outputs"], index_bits(entry)
    packed = arrays["idx"]
    positions = len(packed) if entry["scheme"] == "wvq" else inputs // 2
    shape = (positions, (outputs * bits + 7) // 8)
    if packed.dtype != np.uint8 or packed.shape != shape or (entry["scheme"] == "covq" and inputs != 2 * positions):
        found = f"{packed.dtype} {list(packed.shape)}"
        raise UserError(f"{file}: {name}.idx: found {found}, allowed uint8 {list(shape)} for {inputs} x {outputs}")
    arrays["idx"] = unpack_indices(packed, outputs, bits)
    try:
        if entry["scheme"] == "wvq":
            if arrays["w_cent"].shape[2:3] != (entry["centroids"],):
                raise ValueError(
                    f"w_cent: found {list(arrays['w_cent'].shape)}, allowed [P, Gn, {entry['centroids']}, 2]"
                )
            return WvqLinear(**arrays, inputs=inputs, act_bits=entry["act_bits"], group=entry["group"])
        if arrays["w_cent"].dtype == np.float16:
            arrays["w_cent"] = arrays["w_cent"].astype(np.float32)
        layer = CovqLinear(**arrays)
    except ValueError as error:
        raise UserError(f"{file}: {name}.{error}") from None
    if layer.pairs.max() >= inputs:
        raise UserError(f"{file}: {name}.pairs: found {layer.pairs.max()}, allowed 0..{inputs - 1}")
    return layer
