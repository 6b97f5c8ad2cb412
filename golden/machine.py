"""The golden machine: executes the program of an image, bit for bit as the accelerator must.

Every operation is the NumPy function with the core's name; this module only moves data between them: the frame (on-chip
activations, float32 [tokens, words]), the image and the KV cache. A token's results do not depend on how tokens are
batched or how many threads there are: integer sums are exact and float sums have a stated order.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from lutloom.act_quant import act_quant
from lutloom.attention import attention, kv_dequantize, kv_quantize
from lutloom.centroid_search import centroid_search
from lutloom.covq import lookup_accumulate, quantize_activation, round_activation
from lutloom.dequant import dequant
from lutloom.embed import embed
from lutloom.errors import UserError
from lutloom.fp32 import to_bf16
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.kv_state import KvState, cache_layers
from lutloom.program import (
    LAST,
    LOGITS,
    RESIDUAL,
    SEARCH,
    UNIT,
    Attention,
    Descriptor,
    Embed,
    Gather,
    LinearSynth,
    LinearTable,
    RmsNorm,
    Rope,
    Sample,
    Search,
    Swiglu,
    decode,
)
from lutloom.program_check import check_config, check_program
from lutloom.rms_norm import rms_norm
from lutloom.rope import rope
from lutloom.sampler import sample
from lutloom.swiglu import swiglu
from lutloom.weights import WeightCache, WeightReader, Weights

Trace = Callable[[str, np.ndarray], None]
Force = Callable[[str, np.ndarray], np.ndarray]


class Machine:
    """Runs one sequence. `run` feeds tokens and returns logits, `generate` yields new tokens, `reset` starts anew.

    trace: called as trace(stage, values float32 [tokens, n]) with the output of every stage of the program.
    force: called as force(stage, values) after trace; what it returns takes the output's place in the frame, so that
           the next operation can be judged on inputs that are right (`lutloom.doctor`).
    weights: the cache of another machine of the same image; default a new one.
    """

    def __init__(self, image: Image, trace: Trace | None = None, weights: WeightCache | None = None):
        self.image, self.trace = image, trace
        self.force: Force | None = None
        check_config(image)
        config = image.config
        self.hardware = Hardware(**config["hardware"])
        self.stages, self.frame_words = config["stages"], config["frame_words"]
        self.max_context, self.end_tokens = config["max_context"], frozenset(config["end_tokens"])
        self.program = decode(image.section("program").tobytes(), str(image.path))
        check_program(image, self.program)
        self.reader = WeightReader(image, self.hardware)
        self.vocab = next(d.n for d in self.program if isinstance(d, Sample))
        self.weights = weights or WeightCache()
        self._execute = {
            Embed: self._embed, RmsNorm: self._rms_norm, Rope: self._rope, LinearSynth: self._linear_synth,
            LinearTable: self._linear_table, Search: self._search, Gather: self._gather,
            Attention: self._attention, Swiglu: self._swiglu,
        }  # fmt: skip
        self.reset()

    @classmethod
    def open(cls, path: str | Path, hardware: Hardware | None = None, trace: Trace | None = None) -> "Machine":
        """The machine of an image file. `hardware`: refuse an image made for another configuration."""
        return cls(Image.open(path, hardware.dict() if hardware else None), trace)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer in the image."""
        return Tokenizer.from_str(self.image.section("tokenizer").tobytes().decode())

    def reset(self) -> None:
        """Forget the sequence: position 0, an empty KV cache."""
        self.position = 0
        # layer -> k, v as attention sees them: bf16 bits uint16 [KV, room, D]
        self.cache: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        # of an int8 cache also what lies in memory: layer -> of k and v codes int8 [KV, room, D], scales [KV, room]
        self.codes: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def save(self) -> KvState:
        """The sequence so far, for `restore` here or on a card."""
        places = cache_layers(self.image)

        def part(layer: int, side: int) -> np.ndarray:
            if not self.position:
                return np.zeros((len(places[layer].spans(side, 0)), 0), np.uint8)
            if self.hardware.kv_bits == 16:
                return places[layer].bytes_of(self.cache[layer][side][:, : self.position])
            codes, scale = self.codes[layer][side]
            return places[layer].bytes_of((codes[:, : self.position], scale[:, : self.position]))

        return KvState.collect(self.image, self.position, part)

    def restore(self, state: KvState) -> None:
        """Go on with a sequence that was put aside. UserError if it is of another image."""
        state.require(self.image)
        self.reset()
        for layer, place in enumerate(state.layers):
            self._room(layer, (place.kv_heads, self.max_context, place.head_dim))
            for side, stored in enumerate(state.stored(layer)):
                self._keep(layer, side, slice(0, state.positions), stored)
        self.position = state.positions

    def run(self, tokens: np.ndarray, every: bool = False) -> np.ndarray:
        """Execute the program for tokens int [T] that continue the sequence.

        Returns the logits float32 [1, vocab] of the last token, or with `every` [T, vocab] of all.
        UserError for a token outside the vocabulary or more positions than the cache has.
        """
        self.tokens = self._check(np.asarray(tokens))
        self.frame = np.zeros((len(self.tokens), self.frame_words), np.float32)
        self.logits = np.zeros((len(self.tokens) if every else 1, self.vocab), np.float32)
        for number, descriptor in enumerate(self.program):
            execute = self._execute.get(type(descriptor))
            if execute is None:  # Sample and End
                continue
            rows = slice(None) if every or not descriptor.flags & LAST else slice(-1, None)
            result = execute(number, descriptor, self.frame[rows], rows)
            if result is None:  # nothing in the frame
                continue
            if self.trace is not None:
                self.trace(self.stages[descriptor.stage], result)
            if self.force is not None and not descriptor.flags & LOGITS:
                right = self.force(self.stages[descriptor.stage], result)
                self.frame[rows, descriptor.dst : descriptor.dst + result.shape[1]] = right
        self.position += len(self.tokens)
        return self.logits

    def generate(
        self, prompt: np.ndarray, count: int, temperature: float = 0.0, seed: int = 0, stop: bool = True
    ) -> Iterator[int]:
        """Yield up to `count` tokens that continue prompt int [T]; ends early with the cache or an end-of-text token.

        temperature 0: the largest logit, ties to the lowest id; else as `lutloom.sampler.sample` with `seed`, step n
        for the n-th new token. The end-of-text token is not yielded; with stop=False it is one like the others.
        """
        self.reset()
        feed = np.asarray(prompt)
        for step in range(count):
            logits = self.run(feed)[-1]
            token = sample(logits, temperature, seed, step)
            if stop and token in self.end_tokens:
                return
            yield token
            if self.position == self.max_context:
                return
            feed = np.array([token])

    # --- operations: (number of the descriptor, descriptor, frame of its tokens, their rows) -> the output, if any ----

    def _embed(self, number: int, d: Embed, frame: np.ndarray, rows: slice) -> np.ndarray:
        table = self.reader.read(d.address, (self.vocab, d.row * UNIT // 2), "<u2")
        frame[:, d.dst : d.dst + d.n] = embed(table[:, : d.n], self.tokens[rows])
        return frame[:, d.dst : d.dst + d.n]

    def _rms_norm(self, number: int, d: RmsNorm, frame: np.ndarray, rows: slice) -> np.ndarray:
        gain = self.reader.read(d.gain, (d.n,), "<f4")
        x = frame[:, d.src : d.src + d.count * d.n].reshape(len(frame), d.count, d.n)
        y = rms_norm(x, gain, np.float32(d.eps)).reshape(len(frame), -1)
        frame[:, d.dst : d.dst + d.count * d.n] = y
        return y

    def _rope(self, number: int, d: Rope, frame: np.ndarray, rows: slice) -> np.ndarray:
        table = self.reader.read(d.table, (self.max_context, d.head_dim // 2, 2), "<f4")
        table = table[self.position : self.position + len(self.tokens)][rows]
        x = frame[:, d.src : d.src + d.count * d.head_dim].reshape(len(frame), d.count, d.head_dim)
        y = rope(x, table[:, None]).reshape(len(frame), -1)
        frame[:, d.dst : d.dst + y.shape[1]] = y
        return y

    def _linear_synth(self, number: int, d: LinearSynth, frame: np.ndarray, rows: slice) -> np.ndarray:
        weights = self._unpacked(number, d)
        q, a_scale = act_quant(frame[:, d.src : d.src + d.inputs], weights.act_bits)
        acc = (q.astype(np.float64) @ weights.dense).astype(np.int32)
        return self._output(d, frame, rows, dequant(acc, weights.out_scale, a_scale, self._residual(d, frame)))

    def _linear_table(self, number: int, d: LinearTable, frame: np.ndarray, rows: slice) -> np.ndarray:
        w = self._unpacked(number, d)
        if d.flags & SEARCH:
            x = quantize_activation(frame[:, d.src : d.src + d.inputs], w.a_exp, w.pairs)
            self.found = centroid_search(x, w.a_cent)
        acc = lookup_accumulate(self.found, w.table, w.idx, w.exp, w.start)
        return self._output(d, frame, rows, dequant(acc, w.out_scale, None, self._residual(d, frame)))

    def _search(self, number: int, d: Search, frame: np.ndarray, rows: slice) -> None:
        w = self._unpacked(number, d)
        self.indices = centroid_search(round_activation(frame[:, d.src : d.src + d.inputs], w.scale, w.pairs), w.a_cent)

    def _gather(self, number: int, d: Gather, frame: np.ndarray, rows: slice) -> np.ndarray:
        w = self._unpacked(number, d)
        acc = lookup_accumulate(self.indices, w.table, w.idx, w.exp, w.start)
        return self._output(d, frame, rows, dequant(acc, w.out_scale, None, self._residual(d, frame)))

    def _attention(self, number: int, d: Attention, frame: np.ndarray, rows: slice) -> np.ndarray:
        shape = (d.kv_heads, self.max_context, d.head_dim)
        self._room(d.layer, shape)
        k, v = self.cache[d.layer]
        seen = self.position + len(frame)
        for side, at in enumerate((d.k, d.v)):
            new = frame[:, at : at + d.kv_heads * d.head_dim].reshape(len(frame), d.kv_heads, d.head_dim).swapaxes(0, 1)
            stored = kv_quantize(new) if self.hardware.kv_bits == 8 else to_bf16(new)
            self._keep(d.layer, side, slice(self.position, seen), stored)
        q = frame[:, d.q : d.q + d.heads * d.head_dim].reshape(len(frame), d.heads, d.head_dim).swapaxes(0, 1)
        y = attention(np.ascontiguousarray(q), k[:, :seen], v[:, :seen], self.position, np.float32(d.scale))
        frame[:, d.dst : d.dst + d.heads * d.head_dim] = y = y.swapaxes(0, 1).reshape(len(frame), -1)
        return y

    def _room(self, layer: int, shape: tuple[int, int, int]) -> None:
        """A cache for the layer, if it has none yet."""
        if layer not in self.cache:
            self.cache[layer] = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
            if self.hardware.kv_bits == 8:
                self.codes[layer] = [(np.zeros(shape, np.int8), np.zeros(shape[:2], np.float32)) for _ in range(2)]

    def _keep(self, layer: int, side: int, positions: slice, stored) -> None:
        """Put keys (0) or values (1) into the cache: bf16 bits [KV, n, D], or codes and scales."""
        if self.hardware.kv_bits == 8:
            for whole, part in zip(self.codes[layer][side], stored, strict=True):
                whole[:, positions] = part
            stored = kv_dequantize(*stored)
        self.cache[layer][side][:, positions] = stored

    def _swiglu(self, number: int, d: Swiglu, frame: np.ndarray, rows: slice) -> np.ndarray:
        y = swiglu(frame[:, d.gate : d.gate + d.n], frame[:, d.up : d.up + d.n])
        frame[:, d.dst : d.dst + d.n] = y
        return y

    def _residual(self, d: Descriptor, frame: np.ndarray) -> np.ndarray | None:
        return frame[:, d.residual : d.residual + d.outputs] if d.flags & RESIDUAL else None

    def _output(self, d: Descriptor, frame: np.ndarray, rows: slice, y: np.ndarray) -> np.ndarray:
        target = self.logits if d.flags & LOGITS else frame
        target[:, d.dst : d.dst + d.outputs] = y
        return y

    def _unpacked(self, number: int, d: Descriptor) -> Weights:
        """The weights of a descriptor from the cache; UserError if the image holds none that a compiler writes."""
        try:
            return self.weights.get(number, lambda: self.reader.weights(d))
        except ValueError as error:
            raise UserError(f"{self.image.path}: section program: descriptor {number}: {error}") from None

    def _check(self, tokens: np.ndarray) -> np.ndarray:
        if tokens.ndim != 1 or not tokens.size or not np.issubdtype(tokens.dtype, np.integer):
            raise UserError(f"tokens: found {tokens.dtype} of shape {tokens.shape}, allowed integers [T], T > 0")
        if tokens.min() < 0 or tokens.max() >= self.vocab:
            raise UserError(f"tokens: found ids {tokens.min()}..{tokens.max()}, allowed 0..{self.vocab - 1}")
        if self.position + len(tokens) > self.max_context:
            found = self.position + len(tokens)
            raise UserError(f"tokens: found {found} positions, allowed {self.max_context} in this image")
        return tokens
