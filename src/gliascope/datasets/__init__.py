"""Data sets: one adapter per file, each with a card; the union in ``registry.py`` is the table of them.

To add one: write ``datasets/<name>.py`` with a settings class that has ``name``, ``card`` and ``cases(root)``, add it
to ``members.py``, and its layout to ``phantom_layouts.py``, so that the contract test reads it from files.

The names are loaded when they are first used: a prediction reads files without knowing any data set.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gliascope.datasets.registry import DATASETS, DatasetSettings, dataset_named

__all__ = ["DATASETS", "DatasetSettings", "dataset_named"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of ``__all__``
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module("gliascope.datasets.registry"), name)
