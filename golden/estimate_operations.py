"""Linears of a token in time: what the access half reads for them, and their work. See `lutloom.estimate_machine`.

A Search takes the beats of its codebooks behind the input's last line. A Gather is a wvq linear of 16 centroids, whose
block has as many beats of codebooks as a gathered block has of rows, and which begins a memory's latency behind the
indices, or behind the keys and values that are read at the time. That rows cannot be read ahead of it is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lutloom.covq import WEIGHT_CENTROIDS, group_slices
from lutloom.estimate_engines import DEQUANT, QUANT
from lutloom.estimate_linear import COMMANDS, PLAN_FIRST, PLAN_SLICE, SPLIT_COMMAND
from lutloom.estimate_ports import WINDOW_BEATS, pieces
from lutloom.hardware import Hardware
from lutloom.program import LOGITS, RESIDUAL, Gather, LinearSynth, Search

if TYPE_CHECKING:
    from lutloom.estimate_machine import Token

SCALE_LINES, PAIRS_QUEUE = 512, 3  # that wait; queue of pairs
PAIRS_A_BEAT, PAIRS_BETWEEN = 8, 16  # linear_synth_pairs
SEARCH = 31  # linear_synth: last activations to found_o, beside lanes and codebooks
FOUND = 11  # linear_synth: found_o to the gather's rows, beside the broadcast of the indices and what `Linears` counts


def linear(token: Token, d: LinearSynth, time: float, number: int):
    """LinearSynth: when the access half hands it on, and its work from its begin to its end."""
    m = token.machine
    read_pairs, pairs = _pairs(token, d.positions, time)
    read_scales = token.ask(read_pairs)
    command, streams = _command(token, read_scales)

    def work(begin: float) -> float:
        token.read_ahead(number, begin)
        vector = token.stream(token.lines(d.src, d.inputs), begin)
        residual = _residual(token, d, begin)
        ready = vector[-1] + QUANT + math.log2(m.lanes) + -(-d.inputs // m.lanes)
        sums = token.linears.rounds(d, max(ready, pairs), streams, token.ends.get(number, ()))
        return _outputs(token, d, sums, residual, read_scales)

    return command + 1, work


def search(token: Token, d: Search, time: float):
    """As `linear`: no line of the frame is written."""
    m, hw, state = token.machine, token.machine.hardware, token.linears
    read_pairs, pairs = _pairs(token, d.positions, time)
    read_factors = token.ask(read_pairs)
    factors = token.constant_lines("scale", d.inputs, SCALE_LINES, read_factors)
    token.asked.append(max(read_factors, token.aux.room()))
    command, streams = _command(token, read_factors)

    def work(begin: float) -> float:
        vector = token.stream(token.lines(d.src, d.inputs), begin)
        taken = [max(line, factor) for line, factor in zip(vector, factors, strict=True)]
        token.used["scale"] += taken
        ready = max(taken[-1], pairs)
        beats = 4 * hw.lanes * -(-d.positions // (hw.lanes * hw.slices))
        for one in state.slices:
            one.split = max(one.split, streams)
            for piece in pieces(d.beats):
                one.split = max(one.split + piece, one.port.read(piece, streams))
                one.port.take(one.split)
            one.split = max(one.split, ready + beats) + SPLIT_COMMAND
        spread = max(hw.lanes * hw.slices // m.lanes, 1)
        token.found = max(one.split for one in state.slices) - SPLIT_COMMAND + SEARCH + 2 * hw.lanes + spread - 1
        state.splits.append(max(one.split for one in state.slices))
        state.pairs_free.append(ready)
        return token.found

    return command + 1, work


def gather(token: Token, d: Gather, time: float, number: int):
    """As `linear`, from the indices of the last Search on."""
    read_scales = token.ask(time)
    command, streams = _command(token, read_scales)

    def work(begin: float) -> float:
        kv = token.read_ahead(number, begin)
        residual = _residual(token, d, begin)
        indices = max(begin, token.found) + FOUND + -(-d.positions // token.machine.lanes)
        # the last slice's first row: behind the stream's beats in flight, and keys and values, which go before it, too
        behind = max(0.0, WINDOW_BEATS / token.machine.gather_rate - token.machine.latency(far=False))
        ready = max(indices + token.latency, kv) + behind + token.machine.refresh_left
        sums = token.linears.rounds(as_synth(d, token.machine.hardware), ready, streams, gathered=True)
        return _outputs(token, d, sums, residual, read_scales)

    return command + 1, work


def as_synth(d: Gather, hardware: Hardware) -> LinearSynth:
    """The wvq linear that takes as long."""
    blocks = -(-(d.positions // hardware.lanes) // d.subsets)
    groups = len(group_slices(d.outputs))
    rounds = -(-groups * d.subsets // hardware.slices)
    return LinearSynth(
        d.stage, d.flags, src=0, dst=d.dst, residual=d.residual, inputs=2 * d.positions, outputs=d.outputs, pairs=0,
        scales=d.scales, stream=d.stream, beats=d.beats + rounds * blocks * hardware.lanes, positions=d.positions,
        group=d.group, centroids=WEIGHT_CENTROIDS, act_bits=0, subsets=d.subsets,
    )  # fmt: skip


def _pairs(token: Token, positions: int, time: float) -> tuple[float, float]:
    """(when the list of pairs was asked for, when it is there)."""
    read_pairs = token.ask(time)
    pair_beats = -(-positions // PAIRS_A_BEAT)
    waiting = token.machine.max_positions // PAIRS_A_BEAT - pair_beats  # of the lists before, beside this one
    for beats, left in reversed(token.pairs):
        waiting -= beats
        if waiting < 0:
            token.aux_taken = max(token.aux_taken, left)
            break
    for beats in pieces(pair_beats):
        token.aux_taken = max(token.aux_taken + beats, token.aux.read(beats, read_pairs))
        token.aux.take(token.aux_taken)
    pairs = max(token.aux_taken + PAIRS_QUEUE, token.linears.pairs_free[-2] + PAIRS_BETWEEN + pair_beats)
    token.pairs.append((pair_beats, pairs))
    token.asked.append(max(read_pairs, token.aux.room()))
    return read_pairs, pairs


def _command(token: Token, read_scales: float) -> tuple[float, float]:
    """(when the core takes the command, when the last slice's stream is asked for)."""
    splits = token.linears.splits
    command = max(read_scales + 1, splits[-COMMANDS - 1] if len(splits) > COMMANDS else 0.0)
    return command, command + PLAN_FIRST + PLAN_SLICE * token.machine.hardware.slices


def _residual(token: Token, d: LinearSynth | Gather, begin: float) -> list[float] | None:
    return token.stream(token.lines(d.residual, d.outputs), begin) if d.flags & RESIDUAL else None


def _outputs(token: Token, d: LinearSynth | Gather, rounds, residual: list[float] | None, read_scales: float) -> float:
    """From sums to the frame, or to the sampler."""
    lanes, per = token.machine.lanes, token.machine.lanes * 4 // token.machine.hardware.beat_bytes
    out: list[float] = []
    time = 0.0
    for ready, pace, outputs in rounds:
        for group in outputs:
            for line in range(-(-group // lanes)):
                time = max(time, ready + (line + 1) * pace - 1)
                scale = token.constants("scale", per, SCALE_LINES, read_scales)
                time = max(time + 1, scale, residual[len(out)] if residual else 0.0)
                token.used["scale"].append(time)
                out.append(time + DEQUANT)
        token.linears.collected = time
    token.asked.append(max(read_scales, token.aux.room()))
    if d.flags & LOGITS:
        return out[-1]
    return token.write(token.lines(d.dst, d.outputs), out)
