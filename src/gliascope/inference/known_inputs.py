"""What a model's training inputs looked like, as its folder says it."""

from gliascope.checkpoint import ModelFolder
from gliascope.errors import ConfigError, ModelError
from gliascope.inference.likeness import Reference
from gliascope.settings import load_settings

INPUTS = "inputs"
"""Where ``statistics`` of ``model.json`` keeps the reference statistics."""


def reference_in(model: ModelFolder) -> Reference | None:
    """Return the reference statistics of a model, or None where it has none.

    Raises:
        ModelError: They are damaged.
    """
    tree = model.facts.statistics.get(INPUTS)
    if tree is None:
        return None
    try:
        return load_settings(Reference, tree)
    except ConfigError as fault:
        cause = f"statistics.{INPUTS}.{fault.cause}"
        raise ModelError(cause, file=model.path, hint=fault.hint, code="E_MODEL_JSON") from None


def knows_slices_alone(model: ModelFolder) -> bool:
    """Say whether a model has learned from pictures and stacks of them, and from no volume.

    Raises:
        ModelError: Its statistics are damaged.
    """
    reference = reference_in(model)
    return reference is not None and "volume" not in reference.kinds
