"""A gate fitted on phantoms: it lets phantoms pass, turns the rest away, and is the same when fitted again."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.inference.gate import Gate, GateFacts
from gliascope.inference.picture_features import picture_features
from gliascope.settings import load_settings
from gliascope.training.gate_fit import GateSettings, fit_gate
from gliascope.training.gate_pictures import SPOILED_KINDS, altered, invented, negative_kinds, spoiled

Floats = NDArray[np.float32]


def heads(count: int, *, first: int = 0) -> list[Floats]:
    kinds = ("glioma", "no_tumor", "pituitary", "meningioma")
    return [_head(seed, kinds[seed % 4]) for seed in range(first, first + count)]


@cache
def _head(seed: int, kind: str) -> Floats:
    return phantom_picture(seed, kind, 96)[0].astype(np.float32)


def passes(gate: Gate, pictures: list[Floats]) -> float:
    """Return the share that is let through."""
    return float((gate.likeness(np.stack([picture_features(each) for each in pictures])) >= gate.facts.limit).mean())


def test_unseen_heads_pass(phantom_gate: GateFacts) -> None:
    assert passes(Gate(phantom_gate), heads(24, first=500)) >= 0.95


def test_altered_heads_pass(phantom_gate: GateFacts) -> None:
    random = np.random.default_rng(5)
    assert passes(Gate(phantom_gate), [altered(each, random) for each in heads(24, first=500)]) >= 0.75


@pytest.mark.parametrize(
    "turn",
    [np.rot90, lambda g: np.rot90(g, 2), lambda g: g[:, ::-1], lambda g: 0.4 * g + 30],
    ids=["quarter", "half", "mirror", "dim"],
)
def test_turned_heads_pass(phantom_gate: GateFacts, turn: Callable[[Floats], Floats]) -> None:
    assert passes(Gate(phantom_gate), [np.ascontiguousarray(turn(each)) for each in heads(16, first=500)]) >= 0.9


@pytest.mark.parametrize("kind", negative_kinds())
def test_each_kind_is_turned_away(phantom_gate: GateFacts, kind: str) -> None:
    random, known = np.random.default_rng(7), heads(8, first=500)
    made = [spoiled(known, kind, random) if kind in SPOILED_KINDS else invented(9000 + n, kind) for n in range(10)]
    assert passes(Gate(phantom_gate), made) <= 0.3


def test_the_same_seed_gives_the_same_gate() -> None:
    settings = GateSettings(invented_per_kind=2, networks=1, hidden=4, steps=10)
    first, again = (fit_gate(heads(8, first=500), heads(4, first=508), settings, seed=4, threads=n) for n in (1, 2))
    assert first == again
    assert first.networks != fit_gate(heads(8, first=500), heads(4, first=508), settings, seed=5).networks


def test_json_brings_the_gate_back(phantom_gate: GateFacts) -> None:
    assert load_settings(GateFacts, phantom_gate.model_dump(mode="json")) == phantom_gate


def test_what_was_measured_is_told(phantom_gate: GateFacts) -> None:
    assert set(phantom_gate.measured) == {"plain", "altered", "invented"}
    assert phantom_gate.measured["invented"] > 0.8
    assert phantom_gate.measured["plain"] <= 0.1
    assert phantom_gate.pictures == 60


def test_pictures_like_ct_are_left_out() -> None:
    """Public sets hold some; a gate that learned them as brain MRI would let CT pass."""
    settings = GateSettings(doubtful_share=0.1, invented_per_kind=12, networks=1, hidden=8, steps=60)
    mixed = [*heads(27, first=500), *(invented(70_000 + n, "ct_head") for n in range(3))]
    gate = Gate(fit_gate(mixed, heads(8, first=540), settings, seed=1))
    assert gate.facts.pictures == 27
    assert passes(gate, [invented(80_000 + n, "ct_head") for n in range(8)]) <= 0.4
