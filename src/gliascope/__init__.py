"""Gliascope: brain-tumor MRI from disk to report. For research and education. Not a medical device.

The verbs of the command line, with the same names, options and results::

    import gliascope
    prediction = gliascope.predict("study/", model="runs/lgg/model")
    prediction.label_map.region("WT")

To follow one scan from disk to report, read in this order: ``files`` (disk to ``Scan``), ``scan``, ``case``,
``preprocess.plan``, ``inference.predictor``, ``measure``, ``report``, and ``workflow.predict``, which joins them.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "GliascopeError": "gliascope.errors:GliascopeError",
    "Grid": "gliascope.scan:Grid",
    "LabelMap": "gliascope.scan:LabelMap",
    "PredictOptions": "gliascope.workflow.predict:PredictOptions",
    "Prediction": "gliascope.workflow.prediction:Prediction",
    "Scan": "gliascope.scan:Scan",
    "audit": "gliascope.workflow.audit:audit",
    "check": "gliascope.workflow.check:check",
    "compare": "gliascope.workflow.compare:compare",
    "cross_validate": "gliascope.workflow.cross_validate:cross_validate",
    "demo": "gliascope.workflow.demo:demo",
    "doctor": "gliascope.workflow.doctor:doctor",
    "evaluate": "gliascope.workflow.evaluate:evaluate",
    "explain": "gliascope.workflow.explain:explain",
    "explore": "gliascope.workflow.explore:explore",
    "export": "gliascope.workflow.export_system:export",
    "list_datasets": "gliascope.workflow.listing:list_datasets",
    "list_models": "gliascope.workflow.listing:list_models",
    "list_networks": "gliascope.workflow.listing:list_networks",
    "list_recipes": "gliascope.workflow.listing:list_recipes",
    "predict": "gliascope.workflow.predict:predict",
    "predict_batch": "gliascope.workflow.predict:predict_batch",
    "reproduce": "gliascope.workflow.reproduce:reproduce",
    "train": "gliascope.workflow.train:train",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table above is the list


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    """Load a public name when it is first used; torch and friends only when their verb runs."""
    if name not in _HOME:
        raise AttributeError(f"module 'gliascope' has no attribute '{name}'; public names: {', '.join(__all__)}")
    module, attribute = _HOME[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
