"""The model card: what a reader must know before using a model, as Markdown."""

from typing import Any

from gliascope.checkpoint import ModelFacts
from gliascope.workflow.card_folds import folds_section


def model_card(facts: ModelFacts) -> str:
    """Return the README of a model folder, from its facts alone."""
    training = facts.training
    answers = ", ".join(
        facts.classes or (facts.target or {}).get("regions") or [str((facts.target or {}).get("scheme"))]
    )
    lines = [
        f"# {facts.name}",
        "",
        facts.intended_use,
        "",
        f"- **Task**: {facts.task} ({answers}), {facts.dimensions}-D network `{facts.network['name']}`",
        f"- **Input**: {', '.join(facts.channels)}",
        f"- **Trained on**: {training.get('dataset')} ({training.get('cases', {}).get('train')} cases), "
        f"split {training.get('split')}",
        *_leakage(training.get("leakage") or {}),
        f"- **Data licence**: {training.get('licence')}{_meaning(str(training.get('licence')))}",
        f"- **Data SHA-256**: `{training.get('data_sha256')}`",
        f"- **First weights**: {training.get('first_weights', 'random')}",
        f"- **Recipe**: `{training.get('recipe')}`, seed {training.get('seed')}, {_kept(training)}",
        f"- **Code**: gliascope {training.get('gliascope_version')}, {training.get('created')}",
        "",
        "## Figures",
        "",
        *(folds_section(facts.metrics["cross_validation"]) if "cross_validation" in facts.metrics else _figures(facts)),
        *_calibration(facts),
        *(["## Limits", "", *(f"- {limit}" for limit in facts.limits), ""] if facts.limits else []),
        "## Use",
        "",
        "    gliascope predict INPUT -o OUT --model THIS_FOLDER",
        "",
    ]
    return "\n".join(lines)


def _meaning(licence: str) -> str:
    """Say what a data licence means for weights that were trained under it."""
    terms = {
        "NC": "not for commercial use",
        "SA": "what is made of the data is shared under the same licence",
        "research": "for research only, and the data may not be passed on",
        "BY": "name the data's authors",
    }
    words = licence.replace("-", " ").replace(";", " ").split()
    found = [meaning for term, meaning in terms.items() if term in words]
    if found:
        return f". For these weights we take it to mean: {'; '.join(found)}"
    return "" if "CC0" in words else "; it may limit what these weights can be used for"


def _figures(facts: ModelFacts) -> list[str]:
    """The training's own figures, and what they are worth."""
    return [
        _figures_note(facts.training),
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value:.4f} |" for name, value in sorted(facts.metrics.items()) if isinstance(value, float)),
        "",
    ]


def _kept(training: dict[str, Any]) -> str:
    """Say which epoch's weights these are."""
    if training.get("keep") == "last":
        return f"the last of {training.get('epochs')} epochs"
    return f"best of {training.get('epochs')} epochs: {training.get('best_epoch')}"


def _figures_note(training: dict[str, Any]) -> str:
    """Say what the figures of the training are worth."""
    if training.get("keep") != "last":
        return "Validation figures chose the epoch, so they flatter the model; `gliascope evaluate` opens the test set."
    return "Figures of the last epoch, which no score chose; `gliascope evaluate` opens the test set."


def _leakage(known: dict[str, Any]) -> list[str]:
    """What stands on both sides of the split, where that was allowed."""
    shares = [
        f"{known[f'leaking_{part}_cases']:,} of {known[f'{part}_cases']:,} {part} cases"
        for part in ("test", "validation")
        if known.get(f"leaking_{part}_cases")
    ]
    if not shares:
        return []
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in known["kinds"].items())
    return [
        f"- **The split leaks**, which was allowed: training knows {' and '.join(shares)} already ({kinds}), "
        "so that figures measure memory as much as skill"
    ]


def _calibration(facts: ModelFacts) -> list[str]:
    """How sure the model may be taken for; nothing where a model knows nothing of it."""
    known = facts.calibration
    if known is None:
        return []
    lines = ["## Calibration", ""]
    if facts.temperature is None:
        lines += ["A temperature was not fitted, or is 1: take probabilities as a ranking, not as frequencies.", ""]
    if known["rows"]:
        cases = f"{known['cases']:,} {'validation cases' if known['part'] == 'validation' else known['part']}"
        looked = cases if known["unit"] == "case" else f"{known['n']:,} voxels of {cases}"
        folds = ", the mean over folds" if known["part"] != "validation" else ""
        lines += [
            f"Logits are divided by a temperature, fitted on {looked}{folds}. It changes no class and no mask.",
            "",
            "| of | temperature | calibration error (ECE) before → after | negative log-likelihood before → after |",
            "|---|---|---|---|",
            *(_calibration_row(name, row) for name, row in known["rows"].items()),
            "",
        ]
    return lines


def _calibration_row(name: str, row: dict[str, Any]) -> str:
    figures = (f"{row['before'][figure]:.4f} → {row['after'][figure]:.4f}" for figure in ("ece", "nll"))
    return f"| {name} | {row['temperature']:.3g} | {' | '.join(figures)} |"
