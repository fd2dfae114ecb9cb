"""The card says what the data's licence means for the weights, what the folds found, and where the model fails."""

from typing import Any

import pytest

from gliascope.checkpoint import ModelFacts
from gliascope.workflow.model_card import model_card

FOLDS: dict[str, Any] = {
    "folds": "2 of 2 folds (by patient, 2 folds)",
    "cases": 12,
    "trained_on": "all cases",
    "intervals": {"by": "patient"},
    "rows": {"tumor": {"dice": {"value": 0.81234, "ci95": [0.7, 0.9], "n": 11, "median": 0.85}}},
    "subsets": {"t2f": {"WT": {"value": 0.7, "ci95": [0.6, 0.8]}, "ET": None}},
}


def card(licence: str, **facts: Any) -> str:  # noqa: ANN401 - any fact
    known = {"task": "segment", "dimensions": 2, "channels": ("t2f",), "network": {"name": "unet"}}
    target = {"mode": "regions", "scheme": "lgg"}
    return model_card(ModelFacts(name="m", plan={}, target=target, training={"licence": licence}, **known, **facts))


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("CC BY-NC-SA 4.0", "not for commercial use; what is made of the data is shared under the same licence; name"),
        ("BraTS research terms: do not redistribute", "for research only"),
        ("that of your images", "it may limit"),
    ],
)
def test_what_a_licence_means_for_the_weights(licence: str, said: str) -> None:
    assert said in card(licence)


def test_public_domain_sets_no_limits() -> None:
    assert "- **Data licence**: CC0 1.0\n" in card("CC0 1.0")


def test_figures_of_the_folds_stand_with_their_interval() -> None:
    text = card("CC0 1.0", metrics={"cross_validation": FOLDS})
    assert "| tumor | dice | 0.812 | 0.700 to 0.900 | 0.850 | 11 |" in text
    assert "| t2f | 0.70 (0.60 to 0.80) | – |" in text
    assert "none is left to score it on" in text


def test_limits_are_listed() -> None:
    assert "## Limits\n\n- Fails on necks.\n" in card("CC0 1.0", limits=("Fails on necks.",))
