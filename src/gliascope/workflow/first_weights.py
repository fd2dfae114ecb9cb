"""First weights of a run: loaded once, told ever after."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from gliascope.files import atomic

if TYPE_CHECKING:
    from torch import nn

    from gliascope.settings import Settings

FIRST_WEIGHTS_FILE = "first_weights.json"


def first_weights(network: "nn.Module", settings: "Settings", run: Path, *, resume: bool) -> str:
    """Load the first weights that the settings name, unless a checkpoint holds later ones; return where they come from.

    A run that goes on needs neither the file nor the hub again.

    Raises:
        GliascopeError: As ``models.load_first_weights``.
    """
    from gliascope.models import load_first_weights
    from gliascope.training.checkpoint_io import stems

    told = run / FIRST_WEIGHTS_FILE
    if resume and told.is_file() and stems(run, "last"):
        try:
            words = json.loads(told.read_text())["first_weights"]
        except (ValueError, KeyError, TypeError):
            words = None
        if isinstance(words, str):
            return words
    return load_first_weights(network, settings)


def tell_first_weights(run: Path, words: str) -> None:
    """Keep where the first weights came from in the run folder."""
    atomic.write_json(run / FIRST_WEIGHTS_FILE, {"first_weights": words})
