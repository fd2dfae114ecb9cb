"""Which model: a folder, a finished run, or the name of a model that ships with the package."""

from importlib import resources
from pathlib import Path

from gliascope.checkpoint import MODEL_FILE, ModelFolder, load_model
from gliascope.errors import ModelError
from gliascope.workflow.run_folder import is_run, read_run


def shipped_models() -> dict[str, Path]:
    """Return the models inside the package, by name."""
    zoo = Path(str(resources.files("gliascope"))) / "zoo"
    if not zoo.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(zoo.iterdir()) if (folder / MODEL_FILE).is_file()}


def find_model(model: str | Path, *, task: str = "auto") -> ModelFolder:
    """Load a model folder, the model of a run folder, or a shipped model by name.

    Raises:
        ModelError: There is none, it is damaged, or it does another task than asked for.
        InputError: It is a run whose training has not finished.
    """
    folder = load_model(_model_path(model))
    if task not in ("auto", folder.facts.task):
        cause = f"model '{folder.facts.name}' can {folder.facts.task}, not {task}"
        raise ModelError(cause, hint="Name another with --model.", code="E_TASK")
    return folder


def _model_path(model: str | Path) -> Path:
    shipped = shipped_models()
    known = ", ".join(shipped) or "none ships with this version"
    if str(model) == "auto":
        hint = f"Name one with --model: a model folder, a run folder, or a shipped model ({known})."
        raise ModelError("no model was named and none can be chosen automatically", hint=hint, code="E_NO_MODEL")
    if str(model) in shipped:
        return shipped[str(model)]
    for candidate in (Path(model), Path(model) / "model"):
        if (candidate / MODEL_FILE).is_file():
            return candidate
    if is_run(Path(model)):
        read_run(Path(model))
    hint = f"Give a folder with {MODEL_FILE}, a finished run folder, or a shipped model ({known})."
    raise ModelError("is no model", file=model, hint=hint, code="E_NO_MODEL")
