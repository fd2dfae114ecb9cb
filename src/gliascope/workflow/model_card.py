"""The model card: what a reader must know before using a model, as Markdown."""

from gliascope.checkpoint import ModelFacts


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
        f"- **Data licence**: {training.get('licence')}; it may limit what these weights can be used for",
        f"- **Data SHA-256**: `{training.get('data_sha256')}`",
        f"- **Recipe**: `{training.get('recipe')}`, seed {training.get('seed')}, "
        f"best of {training.get('epochs')} epochs: {training.get('best_epoch')}",
        f"- **Code**: gliascope {training.get('gliascope_version')}, {training.get('created')}",
        "",
        "## Figures",
        "",
        "Validation figures chose the epoch, so they flatter the model; `gliascope evaluate` opens the test set.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value:.4f} |" for name, value in sorted(facts.metrics.items()) if isinstance(value, float)),
        "",
        "## Use",
        "",
        "    gliascope predict INPUT -o OUT --model THIS_FOLDER",
        "",
    ]
    return "\n".join(lines)
