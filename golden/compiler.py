"""The compiler: a quantised model and hardware parameters -> one image with the program and everything it reads.

Two passes. The first lays the model out: it makes the descriptors and reserves room in the sections, knowing the size
of everything but holding no weights. The second fills the memory-mapped file, one linear at a time. Sections and their
contents are described in docs/image.md; the same input gives the same bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from lutloom import models
from lutloom.attention import BEAT, KV_BITS
from lutloom.checkpoint import bf16_bits
from lutloom.errors import UserError
from lutloom.files import check_output
from lutloom.hardware import CONFIGURATIONS, Hardware, configuration
from lutloom.image_format import config_payload, layout
from lutloom.image_writer import ImageWriter
from lutloom.linear_planner import LinearPlanner
from lutloom.plan import Place, Plan
from lutloom.program import (
    BYTES,
    LAST,
    LOGITS,
    UNIT,
    Attention,
    Descriptor,
    Embed,
    End,
    RmsNorm,
    Rope,
    Sample,
    Swiglu,
    encode,
)
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.rope import rope_table

HEAD = "lm_head"
ROWS = 8192  # of the embedding, worked on at a time


def compile_model(
    quantized: str | Path,
    path: str | Path,
    hardware: Hardware,
    max_context: int | None = None,
    source: str | None = None,
    progress: Callable[[Iterable, str], Iterable] = lambda steps, name: steps,
) -> None:
    """Write the image of a quantised model.

    Args:
        quantized: folder, as `QuantizedModel` reads it.
        path: image to write; replaced atomically.
        max_context: positions of the KV cache and the RoPE table; default the model's, at most 2048.
        source: the float model, if it is not where the folder says.
        progress: wraps the list of writing steps, for a progress bar.

    Raises:
        UserError: the model lacks a linear, does not fit the hardware, or a file cannot be read or written.
    """
    model = QuantizedModel.open(quantized, source)
    write_image(model, models.resolve(model.source), path, hardware, max_context, progress, Path(quantized))


def write_image(
    model: QuantizedModel,
    origin,
    path: str | Path,
    hardware: Hardware,
    max_context: int | None,
    progress: Callable[[Iterable, str], Iterable],
    folder: Path,
) -> None:
    """`compile_model` of a model at hand. origin: as `models.resolve` gives it; folder: for messages."""
    check_output(Path(path)).parent.mkdir(parents=True, exist_ok=True)
    cfg = origin.cfg
    context = min(cfg.max_position_embeddings, 2048) if max_context is None else max_context
    if not 1 <= context <= cfg.max_position_embeddings:
        raise UserError(f"--max-context: found {context}, allowed 1..{cfg.max_position_embeddings}")
    tensors = origin.open()
    plan = plan_model(hardware, cfg, model, tensors, context, folder)
    tokenizer = origin.tokenizer().to_str().encode()
    config = config_payload(hardware.dict(), _config(plan, cfg, model, origin, context))
    sizes = {"config": len(config), "tokenizer": len(tokenizer), "program": len(plan.program) * BYTES, **plan.sizes}
    streams = [name for name in sizes if name.startswith("port")]
    sizes |= {name: sizes.pop(name) for name in streams}  # last: what a port reaches is not dense in memory
    table = layout(path, sizes)
    cache = table[streams[0]].padded if streams else 0  # behind the stream of every port
    program = _resolve(plan.program, {name: section.offset for name, section in table.items()} | {"cache": cache})
    with ImageWriter(path, hardware.dict(), sizes) as writer:
        writer.write("config", config)
        writer.write("tokenizer", tokenizer)
        writer.write("program", encode(program))
        for section, offset, fill in progress(plan.fills, "compile"):
            for name, at, data in _pieces(section, offset, fill()):
                writer.section(name)[at : at + len(data)] = np.frombuffer(data, np.uint8)


def _pieces(section: str, offset: int, data) -> list[tuple[str, int, bytes]]:
    """A fill makes the bytes of its place, or those of every port at the same offset."""
    if section != "ports":
        return [(section, offset, data)]
    return [(f"port{s}", offset, stream) for s, stream in enumerate(data)]


def _resolve(program: list[Descriptor], offsets: dict[str, int]) -> list[Descriptor]:
    """Put addresses, in units of 64 bytes, in place of every Place."""

    def address(place: Place) -> int:
        return (offsets[place.section] + place.offset) // UNIT

    resolved = []
    for descriptor in program:
        values = {f.name: getattr(descriptor, f.name) for f in fields(descriptor)}
        places = {name: address(value) for name, value in values.items() if isinstance(value, Place)}
        resolved.append(replace(descriptor, **places))
    return resolved


def _config(plan: Plan, cfg: Qwen3Config, model: QuantizedModel, origin, context: int) -> dict:
    """What stands in section "config" beside the hardware parameters."""
    return {
        "model": {f.name: getattr(cfg, f.name) for f in fields(cfg)},
        "source": {"name": origin.name, "sha256": model.source_sha256},
        "max_context": context,
        "frame_words": plan.frame,
        "stages": plan.stages,
        "end_tokens": list(origin.end_tokens),
    }


def plan_model(
    hardware: Hardware, cfg: Qwen3Config, model: QuantizedModel, tensors, context: int, folder: Path
) -> Plan:
    """The first pass: all descriptors of the program and room for all they read. No numbers but norms are looked at."""
    plan = Plan(hardware)
    dim, hidden, inner = cfg.head_dim, cfg.hidden_size, cfg.intermediate_size
    queries, keys = cfg.num_attention_heads * dim, cfg.num_key_value_heads * dim
    x, h = plan.buffer(hidden), plan.buffer(hidden)
    qkv, attended = plan.buffer(queries + 2 * keys), plan.buffer(queries)
    gate_up, gated = plan.buffer(2 * inner), plan.buffer(inner)
    linears = LinearPlanner(plan, model, folder)
    norms: set[str] = set()

    def norm(name: str, src: int, dst: int, n: int, count: int = 1, flags: int = 0) -> None:
        tensor = f"{name}.weight"
        norms.add(tensor)
        gain = model.norms[tensor] if tensor in model.norms else tensors.tensor(tensor)
        if gain.shape != (n,):
            raise UserError(f"{folder}: {tensor}: found shape {list(gain.shape)}, allowed [{n}]")
        place = plan.reserve("norms", 4 * n, lambda: gain.astype("<f4").tobytes())
        inv_n = float(np.float32(1 / n))
        plan.emit(RmsNorm, name, src, dst, n, count, place, cfg.rms_norm_eps, inv_n, flags=flags)

    row = -(-2 * hidden // UNIT) * UNIT
    embedding = plan.reserve("embedding", row * cfg.vocab_size, lambda: _embedding(tensors, row))
    plan.emit(Embed, "model.embed_tokens", x, hidden, embedding, row // UNIT)
    rope = plan.reserve("rope", 4 * dim * context, lambda: rope_table(cfg.rope_theta, dim, context).tobytes())
    if plan.hardware.kv_bits == 8 and dim % BEAT:
        raise UserError(f"{folder}: head_dim: found {dim}, allowed multiples of {BEAT} with an int8 cache")
    if plan.hardware.kv_ways > 1 and dim % (16 * plan.hardware.kv_ways):
        raise UserError(f"{folder}: head_dim: found {dim}, allowed multiples of {16 * plan.hardware.kv_ways}")
    cache_bytes = plan.hardware.kv_port_bytes(cfg.num_key_value_heads, context, dim)
    for layer in range(cfg.num_hidden_layers):
        name = f"model.layers.{layer}"
        attention, mlp = f"{name}.self_attn", f"{name}.mlp"
        norm(f"{name}.input_layernorm", x, h, hidden)
        heads_of = {f"{attention}.q_proj": queries, f"{attention}.k_proj": keys, f"{attention}.v_proj": keys}
        linears.emit(heads_of, hidden, h, qkv)
        if cfg.qk_norm:
            norm(f"{attention}.q_norm", qkv, qkv, dim, cfg.num_attention_heads)
            norm(f"{attention}.k_norm", qkv + queries, qkv + queries, dim, cfg.num_key_value_heads)
        heads = cfg.num_attention_heads + cfg.num_key_value_heads
        plan.emit(Rope, f"{attention}.rope", qkv, qkv, dim, heads, rope)
        cache = Place("cache", layer * cache_bytes)
        plan.emit(
            Attention, f"{attention}.attention", qkv, qkv + queries, qkv + queries + keys, attended,
            cfg.num_attention_heads, cfg.num_key_value_heads, dim, layer, cache, cache, float(np.float32(dim**-0.5)),
        )  # fmt: skip
        linears.emit({f"{attention}.o_proj": hidden}, queries, attended, x, residual=x)
        norm(f"{name}.post_attention_layernorm", x, h, hidden)
        linears.emit({f"{mlp}.gate_proj": inner, f"{mlp}.up_proj": inner}, hidden, h, gate_up)
        plan.emit(Swiglu, f"{mlp}.swiglu", gate_up, gate_up + inner, gated, inner)
        linears.emit({f"{mlp}.down_proj": hidden}, inner, gated, x, residual=x)
    norm("model.norm", x, h, hidden, flags=LAST)
    linears.emit({HEAD: cfg.vocab_size}, hidden, h, 0, flags=LAST | LOGITS)
    plan.emit(Sample, "sample", cfg.vocab_size, flags=LAST)
    plan.emit(End, "end")
    linears.check_all_used()
    if foreign := sorted(set(model.norms) - norms):
        raise UserError(f"{folder}: found norm {foreign[0]}, allowed those of the source model")
    return plan


def _embedding(tensors, row: int) -> np.ndarray:
    """bf16 rows of `row` bytes."""
    table = tensors.tensor("model.embed_tokens.weight")
    rows = np.zeros((len(table), row // 2), "<u2")
    for first in range(0, len(table), ROWS):
        rows[first : first + ROWS, : table.shape[1]] = bf16_bits(table[first : first + ROWS])
    return rows.reshape(-1).view(np.uint8)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("compile")(compile_command)


def compile_command(
    quantized: Annotated[Path, typer.Option(help="Folder of the quantised model.")],
    out: Annotated[Path, typer.Option(help="Image to write.")],
    hardware: Annotated[str, typer.Option(help=f"Hardware parameters: {', '.join(CONFIGURATIONS)}.")] = "tiny",
    max_context: Annotated[int | None, typer.Option(min=1, help="Positions of the KV cache; default 2048.")] = None,
    kv_bits: Annotated[int, typer.Option(help=f"Of the KV cache: {KV_BITS[1]} is bf16, {KV_BITS[0]} is int8.")] = 16,
    model: Annotated[str | None, typer.Option(help="The float model, if it is not where the folder says.")] = None,
) -> None:
    """Compile a quantised model to an image: program, weights, tables, embedding, tokenizer."""
    console = Console(stderr=True)
    compile_model(
        quantized, out, replace(configuration(hardware), kv_bits=kv_bits), max_context, model,
        lambda steps, name: track(steps, name, console=console, transient=True),
    )  # fmt: skip
    Console().print(f"wrote {out}: {out.stat().st_size:,} bytes", soft_wrap=True)
