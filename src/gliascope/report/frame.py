"""The frame of every page: one HTML file with its style, its script and nothing from outside.

Templates lie in ``templates/``; every value they print goes through ``wording.shown`` and is escaped.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from gliascope.intended_use import INTENDED_USE
from gliascope.report import wording

PACKAGE = "gliascope.report"


@dataclass(frozen=True)
class Section:
    """One titled part of a page; ``note`` is a sentence below the title. An empty title gives no heading."""

    title: str
    body: Markup
    note: str = ""


def page(
    title: str,
    sections: Sequence[Section],
    *,
    kind: str,
    subtitle: str = "",
    warnings: Sequence[Mapping[str, str]] = (),
    provenance: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = ("tables.js",),
) -> str:
    """Return a complete HTML page.

    Args:
        title: What the page is about: a case, a run, a data set.
        sections: The content, in order.
        kind: What sort of page it is, in a word or two.
        subtitle: One line below the title.
        warnings: ``{code, file, text}`` each; those that differ in the file alone are shown together.
        provenance: What the result was made from; nested mappings and lists become indented lists.
        scripts: Names of package files, joined into the page's one script.
    """
    script = "\n".join(_asset(name) for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return str(
        fragment(
            "frame.html.j2",
            title=title,
            sections=sections,
            kind=kind,
            subtitle=subtitle,
            warnings=grouped_warnings(warnings),
            provenance=fact_list(provenance) if provenance else "",
            policy=policy,
            style=Markup(_asset("style.css")),
            script=Markup(script),
            intended_use=INTENDED_USE,
        )
    )


def fact_list(tree: Mapping[str, Any]) -> Markup:
    """Return names and values as a list; nested mappings and lists are indented."""
    return fragment("facts.html.j2", tree=tree)


def fragment(template: str, **values: Any) -> Markup:  # noqa: ANN401 - a template takes any value
    """Return a piece of a page; a name that the template asks for and nobody gave raises."""
    return Markup(_environment().get_template(template).render(**values))


def json_for_script(tree: Any) -> Markup:  # noqa: ANN401 - any plain data
    """Return JSON that is safe inside a script element: ASCII, without ``<``, ``>`` and ``&``."""
    text = json.dumps(tree, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def grouped_warnings(warnings: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Join warnings that say the same of several files; the order of first appearance stays."""
    groups: dict[tuple[str, str], list[str]] = {}
    for warning in warnings:
        own = groups.setdefault((warning.get("code", ""), warning.get("text", "")), [])
        if warning.get("file"):
            own.append(warning["file"])
    return [{"code": code, "text": text, "files": names} for (code, text), names in groups.items()]


@cache
def _asset(name: str) -> str:
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Build the template engine once; pages are made often."""
    environment = Environment(
        loader=FunctionLoader(lambda name: _asset(f"templates/{name}")),
        autoescape=True,
        finalize=wording.shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ml=wording.millilitres,
        mm=wording.millimetres,
        duration=wording.duration,
        words=wording.title,
        count=wording.count,
    )
    return environment
