"""A quantised model on disk: config.json + model.safetensors, and the checks that every load runs.

The file holds what quantisation changed: the quantised linears and the norm gains. Embedding, head and tokenizer are
those of the float model it was made from; config.json names that folder, its hash is checked.

config.json     {"format", "version", "source": {"path", "sha256"},
                 "linears": {name: {"inputs": K, "outputs": N, "input": input name}}, "norms": [tensor names]}
                 Linears that read the same activations name the same input and share its tensors.
model.safetensors, metadata {"format", "version", "source_sha256"}; tensors:
    <input>.pairs   int32 [P, 2]           <linear>.w_cent     float16 or float32 [P, Gn, 16, 2] (float32 once loaded)
    <input>.a_exp   int8 [P]               <linear>.idx        uint8 [P, ceil(N / 2)]: output 2j in the low 4 bits,
    <input>.a_cent  int8 [P, 64, 2]                            output 2j + 1 in the high 4 bits
    <norm>          float32 [size]         <linear>.exp        uint8 [P, Gn]
                                           <linear>.lsb        float32 [Gn]
                                           <linear>.start      int32 [N]
                                           <linear>.out_scale  float32 [N]
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lutloom.covq import CovqLinear
from lutloom.errors import UserError

FORMAT = "lutloom-covq"
VERSION = 1
CONFIG_FILE = "config.json"
TENSOR_FILE = "model.safetensors"
INPUT_FIELDS = ("pairs", "a_exp", "a_cent")
LINEAR_FIELDS = ("w_cent", "idx", "exp", "lsb", "start", "out_scale")


@dataclass(frozen=True)
class CovqModel:
    """A validated quantised model."""

    linears: dict[str, CovqLinear]  # by module name, e.g. "model.layers.0.self_attn.q_proj"
    inputs: dict[str, str]  # linear name -> name of the input it shares
    norms: dict[str, np.ndarray]  # by tensor name, float32 [size], e.g. "model.norm.weight"
    source: Path  # folder of the float model: embedding, head, tokenizer, shapes
    source_sha256: str

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        """The hook of the model's forward pass: x float32 [..., K] -> y float32 [..., N] of the linear `name`."""
        return self.linears[name](x)

    @classmethod
    def load(cls, path: str | Path, source: str | Path | None = None) -> "CovqModel":
        """Read and check a folder. `source` overrides the float model's folder that config.json names.

        UserError for a missing, damaged or foreign file, a missing or unexpected tensor, a wrong type, shape or value,
        an accumulator that could overflow, and a float model that is not the one quantised.
        """
        path = Path(path)
        config, config_file = _read_config(path), path / CONFIG_FILE
        tensors, metadata = _read_tensors(path / TENSOR_FILE)
        _expect(path / TENSOR_FILE, "metadata format", metadata.get("format"), FORMAT)
        _expect(path / TENSOR_FILE, "metadata version", metadata.get("version"), str(VERSION))
        sha256 = config["source"]["sha256"]
        _expect(path / TENSOR_FILE, "metadata source_sha256", metadata.get("source_sha256"), sha256)
        folder = Path(source) if source else path / config["source"]["path"]
        _expect(folder / TENSOR_FILE, f"sha256 (demanded by {config_file})", file_hash(folder / TENSOR_FILE), sha256)

        linears, inputs, used = {}, {}, set()
        for name, entry in config["linears"].items():
            names = {key: f"{entry['input']}.{key}" for key in INPUT_FIELDS}
            names |= {key: f"{name}.{key}" for key in LINEAR_FIELDS}
            arrays = {key: _get(tensors, path / TENSOR_FILE, tensor) for key, tensor in names.items()}
            linears[name] = _make_linear(name, entry, arrays, path / TENSOR_FILE)
            inputs[name] = entry["input"]
            used.update(names.values())
        norms = {}
        for name in config["norms"]:
            norms[name] = gain = _get(tensors, path / TENSOR_FILE, name)
            if gain.dtype != np.float32 or gain.ndim != 1 or not np.isfinite(gain).all():
                found = f"{gain.dtype} {list(gain.shape)}"
                raise UserError(f"{path / TENSOR_FILE}: {name}: found {found}, allowed finite float32 [size]")
        extra = sorted(set(tensors) - used - set(norms))
        if extra:
            raise UserError(f"{path / TENSOR_FILE}: found tensor {extra[0]}, allowed those that {CONFIG_FILE} names")
        return cls(linears, inputs, norms, folder, sha256)

    def save(self, path: str | Path, half: bool = True) -> None:
        """Write the folder. With `half` weight centroids are stored as float16; UserError if that would change them."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        tensors = {name: np.ascontiguousarray(gain, np.float32) for name, gain in self.norms.items()}
        entries = {}
        for name, layer in self.linears.items():
            shared = self.inputs[name]
            tensors |= {f"{shared}.{key}": getattr(layer, key) for key in INPUT_FIELDS}
            tensors |= {f"{name}.{key}": getattr(layer, key) for key in LINEAR_FIELDS}
            tensors[f"{name}.idx"] = pack_indices(layer.idx)
            if half:
                stored = layer.w_cent.astype(np.float16)
                if (stored.astype(np.float32) != layer.w_cent).any():
                    raise UserError(f"{name}: w_cent: found numbers that float16 cannot hold, allowed float16 numbers")
                tensors[f"{name}.w_cent"] = stored
            outputs, inputs = layer.shape
            entries[name] = {"inputs": inputs, "outputs": outputs, "input": shared}
        config = {
            "format": FORMAT,
            "version": VERSION,
            "source": {"path": os.path.relpath(self.source.resolve(), path.resolve()), "sha256": self.source_sha256},
            "linears": entries,
            "norms": sorted(self.norms),
        }
        metadata = {"format": FORMAT, "version": str(VERSION), "source_sha256": self.source_sha256}
        save_file({key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}, path / TENSOR_FILE, metadata)
        (path / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n")


def pack_indices(idx: np.ndarray) -> np.ndarray:
    """idx uint8 [P, N], values 0..15 -> uint8 [P, ceil(N / 2)]; an odd last column leaves the high bits 0."""
    even = np.pad(idx, ((0, 0), (0, idx.shape[1] % 2)))
    return even[:, 0::2] | (even[:, 1::2] << 4)


def unpack_indices(packed: np.ndarray, outputs: int) -> np.ndarray:
    """The inverse of `pack_indices`: uint8 [P, ceil(N / 2)] -> uint8 [P, N]."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), -1)[:, :outputs].copy()


def file_hash(path: Path) -> str:
    """sha256 of a file, hexadecimal; UserError if there is none."""
    if not path.is_file():
        raise UserError(f"{path}: file: found nothing, allowed a float model's {TENSOR_FILE}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _expect(file: Path, field: str, found, allowed) -> None:
    if found != allowed:
        raise UserError(f"{file}: {field}: found {found!r}, allowed {allowed!r}")


def _get(tensors: dict[str, np.ndarray], file: Path, name: str) -> np.ndarray:
    if name not in tensors:
        raise UserError(f"{file}: tensor {name}: found nothing, allowed one tensor of that name")
    return tensors[name]


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
    for field, kind in kinds.items():
        if not isinstance(config.get(field), kind):
            raise UserError(f"{file}: {field}: found {config.get(field)!r}, allowed a JSON {kind.__name__}")
    for field in ("path", "sha256"):
        if not isinstance(config["source"].get(field), str):
            raise UserError(f"{file}: source.{field}: found {config['source'].get(field)!r}, allowed a string")
    for name, entry in config["linears"].items():
        for field, kind in {"inputs": int, "outputs": int, "input": str}.items():
            value = entry.get(field) if isinstance(entry, dict) else None
            if not isinstance(value, kind):
                raise UserError(f"{file}: linears.{name}.{field}: found {value!r}, allowed {kind.__name__}")
    return config


def _read_tensors(file: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with safe_open(file, framework="numpy") as handle:
            names = handle.keys()
            return {name: handle.get_tensor(name) for name in names}, handle.metadata() or {}
    except FileNotFoundError:
        raise UserError(f"{file}: file: found nothing, allowed a safetensors file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: found a damaged or foreign file ({error}), allowed a safetensors file") from None


def _make_linear(name: str, entry: dict, arrays: dict[str, np.ndarray], file: Path) -> CovqLinear:
    inputs, outputs = entry["inputs"], entry["outputs"]
    packed, positions = arrays["idx"], inputs // 2
    shape = (positions, (outputs + 1) // 2)
    if packed.dtype != np.uint8 or packed.shape != shape or inputs != 2 * positions:
        found = f"{packed.dtype} {list(packed.shape)}"
        raise UserError(f"{file}: {name}.idx: found {found}, allowed uint8 {list(shape)} for {inputs} x {outputs}")
    arrays["idx"] = unpack_indices(packed, outputs)
    if arrays["w_cent"].dtype == np.float16:
        arrays["w_cent"] = arrays["w_cent"].astype(np.float32)
    try:
        layer = CovqLinear(**arrays)
    except ValueError as error:
        raise UserError(f"{file}: {name}.{error}") from None
    if layer.pairs.max() >= inputs:
        raise UserError(f"{file}: {name}.pairs: found {layer.pairs.max()}, allowed 0..{inputs - 1}")
    return layer
