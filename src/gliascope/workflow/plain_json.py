"""What JSON can hold: no NaN, no Infinity."""

from typing import Any

import numpy as np


def without_nan(tree: Any) -> Any:  # noqa: ANN401 - any plain data
    """Return the tree with NaN and Infinity as None: JSON has neither."""
    if isinstance(tree, dict):
        return {key: without_nan(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [without_nan(value) for value in tree]
    return None if isinstance(tree, float) and not np.isfinite(tree) else tree
