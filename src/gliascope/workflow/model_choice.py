"""Which model or system: a folder, a finished run, or the name of one that ships with the package."""

from importlib import resources
from pathlib import Path

from gliascope.checkpoint import MODEL_FILE, SYSTEM_FILE, AnyModel, ModelFolder, load_any
from gliascope.errors import ModelError

ZOO = Path(str(resources.files("gliascope"))) / "zoo"
"""Where the models lie that ship with the package, each in a folder of its name."""


def shipped_models() -> dict[str, Path]:
    """Return the models and systems inside the package, by name."""
    if not ZOO.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(ZOO.iterdir()) if is_model(folder)}


def is_model(folder: Path) -> bool:
    """Say whether a folder claims to be a model or a system."""
    return (folder / MODEL_FILE).is_file() or (folder / SYSTEM_FILE).is_file()


def find_any(model: str | Path) -> AnyModel:
    """Load a model or system folder, that of a run folder, or a shipped one by name.

    Raises:
        ModelError: There is none, or it is damaged.
        InputError: It is a run whose training has not finished.
    """
    return load_any(_model_path(model))


def find_model(model: str | Path, *, task: str = "auto") -> ModelFolder:
    """Load a single model; see ``find_any``.

    Raises:
        ModelError: There is none, it is damaged, it does another task than asked for, or it is a system.
        InputError: It is a run whose training has not finished.
    """
    folder = find_any(model)
    if not isinstance(folder, ModelFolder):
        hint = f"Name one of its members: {', '.join(str(member.path) for member in folder.members)}."
        raise ModelError("is a system of models, and one model is needed here", file=model, hint=hint, code="E_MEMBERS")
    if task not in ("auto", folder.facts.task):
        cause = f"model '{folder.facts.name}' can {folder.facts.task}, not {task}"
        raise ModelError(cause, hint="Name another with --model.", code="E_TASK")
    return folder


def _model_path(model: str | Path) -> Path:
    shipped = shipped_models()
    known = ", ".join(shipped) or "none ships with this version"
    if str(model) == "auto":
        hint = f"Name one with --model: a model folder, a run folder, or a shipped model ({known})."
        raise ModelError("no model was named", hint=hint, code="E_NO_MODEL")
    if str(model) in shipped:
        return shipped[str(model)]
    for candidate in (Path(model), Path(model) / "model"):
        if is_model(candidate):
            return candidate
    from gliascope.workflow.run_folder import is_run, read_run  # knows every data set; a model folder needs none

    if is_run(Path(model)):
        read_run(Path(model))
    hint = f"Give a folder with {MODEL_FILE} or {SYSTEM_FILE}, a finished run folder, or a shipped model ({known})."
    raise ModelError("is no model", file=model, hint=hint, code="E_NO_MODEL")
