"""The base of every settings class, and the one way to turn data into settings."""

import ast
import difflib
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gliascope.errors import ConfigError


class Settings(BaseModel):
    """Frozen options beside the code they configure; unknown names are refused.

    The string below a field is its documentation; ``field_texts`` returns it. Neither these nor the validators are made
    before they are needed: a prediction uses few settings classes, and to prepare all took 0.14 s at every start.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,
    )


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def load_settings(kind: type[SettingsT], tree: dict[str, Any], *, file: str = "") -> SettingsT:
    """Check a tree of plain data (from TOML or JSON) and return the typed object.

    Strict: ``true`` is no number and ``"1"`` is no integer. The first fault is reported with its path,
    what was given, and the names or values that would work.

    Raises:
        ConfigError: A name is unknown, a value has the wrong type or range, or a value is missing.
    """
    try:
        return kind.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as fault:
        raise _explain(fault, kind, file) from None
    except ValueError as fault:
        raise ConfigError(
            f"not plain data ({fault})", file=file, hint="Use numbers, texts, lists and tables."
        ) from None


def field_texts(kind: type[BaseModel]) -> dict[str, str]:
    """Return the documentation of every field that has one: the string below it in the class, or in one it inherits."""
    texts: dict[str, str] = {}
    for own in reversed(kind.__mro__):
        if not issubclass(own, BaseModel) or own is BaseModel:
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(own))).body
        for field, below in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                texts[field.target.id] = inspect.cleandoc(str(below.value.value))
    return {name: text for name, text in texts.items() if name in kind.model_fields}


def _explain(fault: ValidationError, kind: type[BaseModel], file: str) -> ConfigError:
    first = fault.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" ({fault.error_count() - 1} more)" if fault.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = known_names(kind, first["loc"])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = (f"Did you mean '{near[0]}'? " if near else "") + f"Known: {', '.join(known)}."
        return ConfigError(f"{path}: unknown name{more}", file=file, hint=hint)
    given = first.get("input")
    shown = "" if isinstance(given, dict) else f", got {given!r}"
    return ConfigError(f"{path}: {first['msg']}{shown}{more}", file=file, hint="")


def known_names(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the names allowed where ``location`` (its last part unknown) points to.

    Tagged unions put the tag into the location; it selects the member.
    """
    candidates: list[Any] = [kind]
    for part in location[:-1]:
        candidates = [inner for c in candidates for inner in _step_into(c, part)]
    names = {name for c in candidates for name in getattr(c, "model_fields", {})}
    return sorted(names)


def _step_into(candidate: type[BaseModel], part: int | str) -> list[Any]:
    fields = getattr(candidate, "model_fields", {})
    if part in fields:
        return _models_in(fields[part].annotation)
    tag = fields.get("name")
    if tag is not None and isinstance(part, str):
        return [candidate] if tag.default == part else []
    return [candidate]


def _models_in(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type expression
    """Return the settings classes inside a type expression, however nested."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]
