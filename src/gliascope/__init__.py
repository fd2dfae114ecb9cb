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
    "GliascopeError": "gliascope.errors",
    "Grid": "gliascope.scan",
    "LabelMap": "gliascope.scan",
    "Prediction": "gliascope.workflow.prediction",
    "Scan": "gliascope.scan",
    "check": "gliascope.workflow.check",
    "demo": "gliascope.workflow.demo",
    "doctor": "gliascope.workflow.doctor",
    "evaluate": "gliascope.workflow.evaluate",
    "explore": "gliascope.workflow.explore",
    "export_model": "gliascope.workflow.export",
    "predict": "gliascope.workflow.predict",
    "predict_batch": "gliascope.workflow.predict",
    "train": "gliascope.workflow.train",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table above is the list


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    """Load a public name when it is first used; torch and friends only when their verb runs."""
    if name not in _HOME:
        raise AttributeError(f"module 'gliascope' has no attribute '{name}'; public names: {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
