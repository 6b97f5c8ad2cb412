"""generate: the command's text is the engine's, images are compiled when stale, every refusal."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from tokenizers import Tokenizer

from lutloom import cli, generate, models
from lutloom.errors import UserError
from lutloom.generate import cached_image, find_quantized, image_path, stream_text
from lutloom.hardware import configuration
from lutloom.machine import Machine
from lutloom.qwen3 import Qwen3
from lutloom.tests.toy import END, Toy, build

TINY, SMALL = configuration("tiny"), configuration("small")
PROMPT = "w5 w9 w2"


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Toy:
    return build(tmp_path_factory.mktemp("toy"), "fused")


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Run `lutloom generate` in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lutloom", "generate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


def test_golden_text_is_the_machines(toy, command):
    options = ("--prompt", PROMPT, "--tokens", 12, "--temperature", 0.9, "--seed", 4)
    code, text, note = command("--model", toy.source, "--quantized", toy.folder, *options)
    assert code == 0
    machine = Machine.open(next((generate.IMAGES).iterdir()), TINY)
    tokens = list(machine.generate(np.array([5, 9, 2]), 12, 0.9, 4))
    assert text.startswith(PROMPT)
    assert [f"w{token}" for token in tokens] == text.removeprefix(PROMPT).replace("w", " w").split()
    assert f"{len(tokens)} tokens in" in note
    assert "tokens/s" in note
    again = command("--image", machine.image.path, *options)
    assert again[:2] == (0, text)


def test_float_text_is_the_float_models(toy, command):
    options = ("--prompt", PROMPT, "--tokens", 9, "--temperature", 0.8, "--seed", 3)
    code, text, _ = command("--on", "float", "--model", toy.source, *options)
    source = models.resolve(toy.source)
    tokens = list(Qwen3(source.cfg, source.weights()).generate(np.array([5, 9, 2]), 9, 0.8, 3, stop=END))
    assert code == 0
    assert [f"w{token}" for token in tokens] == text.removeprefix(PROMPT).replace("w", " w").split()


def test_empty_prompt_begins_with_the_text_token(toy, command):
    code, _, note = command("--on", "float", "--model", toy.source, "--tokens", 3)
    assert code == 0
    assert "prompt of 1 tokens" in note


def test_bytes_of_one_character_come_together(capsys):
    """A character of three bytes in three tokens appears once it is whole."""
    tokenizer = models.resolve("shakespeare").tokenizer()
    ids = tokenizer.encode("a € b").ids
    stream_text(iter(ids), tokenizer, "", 0)
    assert capsys.readouterr().out == "a € b\n"


def test_no_token_at_all(capsys):
    stream_text(iter(()), Tokenizer.from_str(models.resolve("shakespeare").tokenizer().to_str()), "So", 1)
    text, note = capsys.readouterr()
    assert text == "So\n"
    assert "0 tokens in" in note


def test_image_is_compiled_when_missing_or_stale(toy, tmp_path):
    quantized = build(tmp_path / "other", "fused", seed=2).folder
    first = cached_image(quantized, TINY, folder=tmp_path / "images")
    written = first.stat().st_mtime_ns
    assert cached_image(quantized, TINY, folder=tmp_path / "images") == first
    assert first.stat().st_mtime_ns == written
    assert cached_image(quantized, SMALL, folder=tmp_path / "images") != first
    assert Machine.open(first).hardware == TINY
    build(tmp_path / "other", "fused", seed=3)  # written over
    assert cached_image(quantized, TINY, folder=tmp_path / "images") != first
    assert len(list((tmp_path / "images").glob("*.img"))) == 3


def test_image_of_no_model(tmp_path):
    with pytest.raises(UserError, match=r"config.json: found No such file or directory, allowed a quantised model"):
        image_path(tmp_path, TINY)


def test_quantised_model_is_found_by_name(tmp_path, monkeypatch):
    folders = (tmp_path / "models", tmp_path / "built")
    monkeypatch.setattr(generate, "MODEL_FOLDERS", folders)
    source = models.resolve("shakespeare")
    with pytest.raises(UserError, match=r"run: lutloom quantize --model shakespeare --scheme wvq --out .*built"):
        find_quantized(source)

    def make(path):
        path.mkdir(parents=True)
        (path / "config.json").touch()
        return path

    make(folders[1] / "smollm2-wvq-4")
    (folders[1] / "shakespeare-wvq-9").mkdir()  # without a config.json: no model
    four = make(folders[1] / "shakespeare-wvq-4")
    assert find_quantized(source) == four
    more = make(folders[1] / "shakespeare-wvq-4.5")
    assert find_quantized(source) == more
    committed = make(folders[0] / "shakespeare-qwen3-wvq")
    assert find_quantized(source) == committed


REFUSALS = {
    "engine": (("--model", "shakespeare", "--on", "paper"), "--on: found paper, allowed golden, float"),
    "no model": ((), "--model: found nothing, allowed smollm2, shakespeare"),
    "float image": (("--on", "float", "--model", "shakespeare", "--image", "x"), "--on float: found --image"),
    "both": (("--quantized", "x", "--image", "x"), "--image and --quantized: found both"),
    "no image": (("--image", "nowhere.img"), "nowhere.img: "),
    "hardware": (("--image", "x", "--hardware", "huge"), "--hardware: found huge, allowed tiny"),
    "foreign": (("--model", "nobody"), "nobody: model not found"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case, command):
    arguments, message = REFUSALS[case]
    code, text, error = command(*arguments)
    assert code == 2
    assert text == ""
    assert error.startswith("error: ")
    assert message in error


def test_image_of_another_model_or_hardware(toy, command):
    image = cached_image(toy.folder, TINY)
    code, _, error = command("--image", image, "--model", "shakespeare")
    assert code == 2
    assert "source: found float, allowed shakespeare" in error
    code, _, error = command("--image", image, "--hardware", "small")
    assert code == 2
    assert "slices = 2, allowed slices = 8" in error


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="nothing to find")
def test_torch_is_not_imported():
    script = "import sys, lutloom.cli, lutloom.generate, lutloom.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
