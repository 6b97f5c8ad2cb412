"""The command `generate`: text from a model, token by token; float model, golden machine, RTL or a card compute it."""

import hashlib
import importlib.metadata
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, track
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from lutloom import models
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import CONFIGURATIONS, Hardware, configuration
from lutloom.host import Accelerator
from lutloom.host.pcie import FORM, open_card
from lutloom.image_format import canonical_json
from lutloom.machine import Machine
from lutloom.models import MODEL_FOLDERS, Source
from lutloom.quantized_model import CONFIG_FILE, TENSOR_FILE
from lutloom.qwen3 import Qwen3
from lutloom.rtl import simulation

ENGINES = ("golden", "float", "rtl", "v80")
IMAGES = Path("build/images")
DEFAULT_HARDWARE = "tiny"


def find_quantized(source: Source) -> Path:
    """The quantised folder that goes with a model by name, <model>-wvq* in models/ or build/models/.

    The first folder that has one decides; of several the last in the order of names, so 4.5 bits before 4.
    UserError names the command that makes one.
    """
    names = {source.name, source.path.resolve().stem}
    for folder in MODEL_FOLDERS:
        found = {file.parent for name in names for file in folder.glob(f"{name}-wvq*/{CONFIG_FILE}")}
        if found:
            return max(found)
    out = MODEL_FOLDERS[-1] / f"{source.name}-wvq-4"
    raise UserError(
        f"--quantized: found none for {source.name}, allowed a quantised folder or an image; "
        f"run: lutloom quantize --model {source.name} --scheme wvq --out {out}"
    )


def image_path(quantized: Path, hardware: Hardware, folder: Path = IMAGES) -> Path:
    """<folder>/<name>-<hash>.img; the hash covers the files of the quantised model, the hardware and this version."""
    digest = hashlib.sha256(importlib.metadata.version("lutloom").encode())
    digest.update(canonical_json(hardware.dict()).encode())
    for name in (CONFIG_FILE, TENSOR_FILE):
        try:
            with (quantized / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UserError(f"{quantized / name}: found {error.strerror}, allowed a quantised model") from None
    return folder / f"{quantized.resolve().name}-{digest.hexdigest()[:16]}.img"


def cached_image(quantized: Path, hardware: Hardware, source: Source | None = None, folder: Path = IMAGES) -> Path:
    """The image of a quantised model, compiled unless it is there already (see `image_path`).

    source: the float model, if it is not where the folder says. Progress goes to stderr.
    """
    path = image_path(quantized, hardware, folder)
    if not path.is_file():
        console = Console(stderr=True)
        compile_model(
            quantized, path, hardware, source=str(source.path) if source else None,
            progress=lambda steps, name: track(steps, f"{name} {quantized.name}", console=console, transient=True),
        )  # fmt: skip
        console.print(f"compiled {path}", soft_wrap=True, highlight=False)
    return path


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("generate")(generate_command)


def generate_command(
    model: Annotated[
        str | None, typer.Option(help=f"Float model: {' or '.join(models.SHORT_NAMES)}, a folder or a .gguf file.")
    ] = None,
    on: Annotated[str, typer.Option("--on", help=f"What computes: {', '.join(ENGINES)}.")] = "golden",
    image: Annotated[Path | None, typer.Option(help="Image that `lutloom compile` wrote.")] = None,
    quantized: Annotated[Path | None, typer.Option(help="Quantised model; default by name of the model.")] = None,
    prompt: Annotated[str, typer.Option(help="Text to continue; empty: the beginning of a text.")] = "",
    tokens: Annotated[int, typer.Option(min=1, help="Most tokens to generate.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most likely token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
    hardware: Annotated[
        str | None, typer.Option(help=f"{', '.join(CONFIGURATIONS)}; default {DEFAULT_HARDWARE}, or the image's.")
    ] = None,
    card: Annotated[str | None, typer.Option(help=f"With --on v80: {FORM}. Default the only V80 here.")] = None,
) -> None:
    """Continue a prompt, token by token. The text goes to stdout, everything else to stderr."""
    if on not in ENGINES:
        raise UserError(f"--on: found {on}, allowed {', '.join(ENGINES)}")
    if on == "float" and (image or quantized or hardware):
        raise UserError("--on float: found --image, --quantized or --hardware, allowed --model alone")
    if card is not None and on != "v80":
        raise UserError(f"--card: found with --on {on}, allowed with --on v80")
    if image and quantized:
        raise UserError("--image and --quantized: found both, allowed one of them")
    if model is None and (on == "float" or not (image or quantized)):
        raise UserError(f"--model: found nothing, allowed {', '.join(models.SHORT_NAMES)}, a folder or a .gguf file")
    with Console(stderr=True).status("loading"):
        source = models.resolve(model) if model else None
    if on == "float":
        tokenizer, ids = _encode(source.tokenizer(), prompt, source.cfg.bos_token_id, source.end_tokens)
        with Console(stderr=True).status("loading"):
            network = Qwen3(source.cfg, source.weights())
        generated = network.generate(ids, tokens, temperature, seed, stop=source.end_tokens)
    else:
        accelerator = Accelerator(open_card(card)) if on == "v80" else None
        if accelerator and not (image or hardware):
            hardware = accelerator.identity.hardware
        machine = _machine(source, image, quantized, hardware)
        config = machine.image.config
        tokenizer, ids = _encode(machine.tokenizer(), prompt, config["model"]["bos_token_id"], config["end_tokens"])
        if on == "rtl":
            run = simulation(machine.image).Run(machine.image, ids.tolist(), tokens, temperature, seed)
            generated, cycles = run.tokens(), run.cycles
        elif accelerator:
            accelerator.recover()  # from what another run may have left behind
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("copying the image", total=machine.image.bytes)
                accelerator.load(machine.image.path, progress=lambda n, _: progress.update(task, completed=n))
            cycles: list[int] = []
            generated = _counted(accelerator, accelerator.generate(ids, tokens, temperature, seed), cycles)
        else:
            generated = machine.generate(ids, tokens, temperature, seed)
    stream_text(generated, tokenizer, prompt, len(ids))
    if on in ("rtl", "v80") and cycles:
        each = cycles[1:] or cycles
        typer.echo(f"{sum(each) // len(each):,} cycles a token, {sum(cycles):,} in all", err=True)


def _counted(card: Accelerator, tokens: Iterator[int], cycles: list[int]) -> Iterator[int]:
    """The tokens; what the card's counter says that each took goes to `cycles`."""
    before = 0
    for token in tokens:
        now = card.counters().cycles
        cycles.append(now - before)
        before = now
        yield token


def _machine(source: Source | None, image: Path | None, quantized: Path | None, hardware: str | None) -> Machine:
    wanted = configuration(hardware or DEFAULT_HARDWARE)
    path = image or cached_image(quantized or find_quantized(source), wanted, source)
    machine = Machine.open(path, wanted if hardware else None)
    if image and source and machine.image.config["source"]["sha256"] != source.sha256:
        found = machine.image.config["source"]["name"]
        raise UserError(f"{image}: section config: source: found {found}, allowed {source.name} (or no --model)")
    return machine


def _encode(tokenizer: Tokenizer, prompt: str, bos: int | None, ends) -> tuple[Tokenizer, np.ndarray]:
    """The prompt's tokens int64 [T]; an empty prompt is the token a text begins with."""
    ids = tokenizer.encode(prompt).ids or [token for token in (bos, *ends) if token is not None][:1]
    if not ids:
        raise UserError("--prompt: found nothing, allowed text, as the model has no token that begins one")
    return tokenizer, np.array(ids, np.int64)


def stream_text(generated: Iterator[int], tokenizer: Tokenizer, prompt: str, prompt_tokens: int) -> list[int]:
    """Print the prompt and every token as it comes; then, on stderr, how many there were and how fast. The tokens."""
    stream, found = DecodeStream(skip_special_tokens=True), []
    start = time.perf_counter()
    with Console(stderr=True).status("reading the prompt"):  # the machine unpacks the weights meanwhile
        token = next(generated, None)
    first = time.perf_counter() - start
    sys.stdout.write(prompt)
    while token is not None:
        found.append(token)
        sys.stdout.write(stream.step(tokenizer, token) or "")
        sys.stdout.flush()
        token = next(generated, None)
    sys.stdout.write("\n")
    sys.stdout.flush()
    rest = time.perf_counter() - start - first
    typer.echo(
        f"prompt of {prompt_tokens} tokens: {first:.1f} s to the first token; "
        f"{len(found)} tokens in {first + rest:.1f} s, {max(len(found) - 1, 0) / rest:.2f} tokens/s after the first",
        err=True,
    )
    return found
