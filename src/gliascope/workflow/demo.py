"""The whole way on phantoms: cohort, training, evaluation, prediction, one page."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import UsageError
from gliascope.files import atomic
from gliascope.report import index_page
from gliascope.workflow.batch import Batch
from gliascope.workflow.evaluate import evaluate
from gliascope.workflow.extras import require_training
from gliascope.workflow.predict import PredictOptions, predict_batch
from gliascope.workflow.prediction import key_figures
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version
from gliascope.workflow.train import TrainedRun, train

TITLES = {
    "demo-segment": "Where: a 3-D U-Net finds whole tumor, core and enhancing part in four contrasts.",
    "demo-classify": "Which kind: CustomCNN tells glioma, meningioma, pituitary tumor and none apart on pictures.",
}
UNSEEN_SEED = 4711
"""The predicted phantoms come from a seed that no training cohort uses."""


def demo(
    output: str | Path,
    *,
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    progress: ProgressCallback = silent,
    announce: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Make phantoms, train a segmenter and a classifier, evaluate both, predict unseen heads, write one page.

    Args:
        output: The folder to write; ``report.html`` in it links everything.
        overwrite: Replace the folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens.

    Returns:
        ``report`` (path of the page), ``lines`` (the figures as text) and the figures of every step.

    Raises:
        UsageError: The folder exists and ``overwrite`` is False.
        MachineError: PyTorch is missing.
    """
    require_training()
    output = Path(output)
    if output.exists() and not overwrite:
        raise UsageError("exists already", file=output, hint="Choose another -o or add --overwrite.", code="E_EXISTS")
    sections: list[dict[str, Any]] = []
    for recipe in ("demo-segment", "demo-classify"):
        announce(f"training {recipe} on phantoms")
        run = train(
            recipe,
            output / "cohort" / recipe,
            output / "runs" / recipe,
            overwrite=True,
            device=device,
            threads=threads,
            cache=output / "cache",
            progress=progress,
        )
        evaluation = evaluate(run.folder, device=device, threads=threads, progress=progress)
        evaluation.save(run.folder / "evaluation-test", overwrite=True)
        inputs = _unseen(output / "unseen" / recipe, recipe)
        options = PredictOptions(model=run.model, device=device, threads=threads, stack=False)
        batch = predict_batch(
            inputs, output / "predictions" / recipe, options=options, overwrite=True, progress=progress
        )
        items = _items(output, recipe, run, evaluation.facts, batch)
        sections.append({"title": recipe, "text": TITLES[recipe], "items": items})
    subtitle = (
        "Phantoms made, learned from and predicted on this machine. Figures on phantoms say nothing about patients."
    )
    made = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "gliascope_version": code_version()}
    page = index_page({"title": "Gliascope demo", "subtitle": subtitle, "sections": sections, **made})
    atomic.write_text(output / "report.html", page)
    lines = [_line(item) for section in sections for item in section["items"]]
    plain = [{**section, "items": [_without_picture(item) for item in section["items"]]} for section in sections]
    return {"report": str(output / "report.html"), "sections": plain, "lines": lines}


def _unseen(folder: Path, recipe: str) -> list[Path]:
    """Write heads that no training saw: two BraTS-like studies, or four pictures in class folders."""
    if recipe == "demo-segment":
        write_layout("brats2021", folder, patients=2, shape=(80, 80, 80), seed=UNSEEN_SEED)
        return sorted(path for path in folder.rglob("*") if path.is_dir() and any(path.glob("*.nii.gz")))
    write_layout("kaggle-4class", folder, patients=2, size=128, seed=UNSEEN_SEED)
    return sorted(folder.glob("Testing/*"))


def _items(
    output: Path, recipe: str, run: TrainedRun, evaluation: dict[str, Any], batch: Batch
) -> list[dict[str, Any]]:
    """Return the cards of the demo's page: training, evaluation, each prediction."""
    folder = run.folder.relative_to(output)
    facts = run.facts
    cost = {"best epoch": f"{facts['best_epoch']} of {facts['epochs']}", "seconds": round(facts["seconds"])}
    items: list[dict[str, Any]] = [
        {"name": "Training", "href": str(folder / "report.html"), "figures": cost},
        {
            "name": "Evaluation",
            "href": str(folder / "evaluation-test" / "report.html"),
            "figures": _scores(evaluation),
        },
    ]
    for case in batch.as_json()["cases"]:
        href = Path("predictions") / recipe / case["case"] / "report.html"
        picture = batch.pictures.get(case["case"])
        items.append({"name": case["case"], "href": str(href), "figures": key_figures(case), "image": picture})
    return items


def _scores(evaluation: dict[str, Any]) -> dict[str, Any]:
    if evaluation["task"] == "classify":
        return {"accuracy": evaluation["summary"]["all"]["accuracy"]}
    return {f"Dice {region}": row["dice"]["mean"] for region, row in evaluation["summary"].items()}


def _without_picture(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "image"}


def _line(item: dict[str, Any]) -> str:
    shown = (
        f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in item["figures"].items()
    )
    return f"{item['name']}: {', '.join(shown)}"
