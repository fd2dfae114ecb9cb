"""Random draws that depend on what they are for and on nothing else.

Each draw has its own generator, found by counting: the same seed, purpose, epoch and position give the same values, no
matter which process asks, how many there are, or what was drawn before. So nothing random needs to be stored.
"""

from enum import IntEnum

import numpy as np

_MASK = 2**64 - 1

Variation = tuple[int, int]
"""What the variation of an item depends on besides the seed: epoch and position, or the numbers of a fixed copy."""

UNVARIED: Variation = (-1, -1)
"""Of an item that is left as it is."""


class Purpose(IntEnum):
    """What a draw is for; the numbers are part of every result and never change."""

    ORDER = 1
    """Which items an epoch holds, and in which order."""
    PATCH = 2
    """Where a patch is cut."""
    AUGMENT = 3
    """How an item is varied."""
    NOISE = 4
    """Noise added to an item."""
    STEP = 5
    """Dropout of one training step."""
    APPEARANCE = 6
    """How an item looks: gamma, resolution, missing channels."""
    GRAY_CURVE = 7
    """Which new gray values each channel of an item gets."""
    PASTE = 8
    """Whose tumor an item gets, and where."""


def generator(seed: int, purpose: Purpose, *, epoch: int, position: int = 0) -> np.random.Generator:
    """Return the generator of one draw.

    Source:
        Salmon 2011, doi:10.1145/2063384.2063405 (Philox, a counter-based generator).

    Example:
        >>> first = generator(1, Purpose.ORDER, epoch=2).integers(100, size=3)
        >>> bool((first == generator(1, Purpose.ORDER, epoch=2).integers(100, size=3)).all())
        True
    """
    key = np.array([seed & _MASK, int(purpose)], dtype=np.uint64)
    counter = np.array([0, 0, position, epoch], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def drawn_seed(seed: int, purpose: Purpose, *, epoch: int, position: int = 0) -> int:
    """Return a seed for a generator of another library, ``0 … 2**63 - 1``."""
    return int(generator(seed, purpose, epoch=epoch, position=position).integers(2**63))
