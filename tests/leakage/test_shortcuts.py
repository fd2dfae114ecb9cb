"""Facts of the files that give the class away."""

import numpy as np
import pytest

from gliascope.leakage.shortcuts import find_shortcuts

RANDOM = np.random.default_rng(0)
LABELS = [["glioma", "no_tumor", "pituitary"][index % 3] for index in range(150)]
OWN = [str(index) for index in range(150)]


def test_a_telling_size_is_found() -> None:
    facts = [
        {"size": "512×512" if label == "no_tumor" else "256×256", "ending": str(RANDOM.integers(4))} for label in LABELS
    ]
    (found,) = find_shortcuts(facts, LABELS, OWN)
    assert found.fact == "size"
    assert found.balanced_accuracy == pytest.approx(2 / 3, abs=0.1)
    assert found.chance == pytest.approx(1 / 3)
    assert found.cramers_v == pytest.approx(1.0, abs=0.05)
    assert found.p == pytest.approx(0.005)
    assert found.as_json()["values"][0] == {
        "value": "256×256",
        "classes": {"glioma": 50, "no_tumor": 0, "pituitary": 50},
    }


def test_chance_is_no_shortcut() -> None:
    wrong = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        facts = [{"a": str(random.integers(3)), "b": f"{random.integers(60)}"} for _ in LABELS]
        wrong += len(find_shortcuts(facts, LABELS, OWN, seed=seed))
    assert wrong <= 1


def test_many_slices_of_few_patients_prove_nothing() -> None:
    """Each patient has one size and one class: 500 slices, but 6 patients."""
    owners = [str(index % 6) for index in range(500)]
    labels = [["glioma", "no_tumor"][int(owner) % 2] for owner in owners]
    assert find_shortcuts([{"size": owner} for owner in owners], labels, owners) == []


def test_cases_without_a_class_do_not_count() -> None:
    facts = [{"mode": label} for label in LABELS]
    assert find_shortcuts(facts, [None] * len(LABELS), OWN) == []
    assert find_shortcuts(facts, ["glioma"] * len(LABELS), OWN) == []
