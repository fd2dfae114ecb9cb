"""Facts of the files that give the class away: size, color mode, format, blank border.

A network may learn them in place of the tumor. A fact matters where guessing the class from it alone beats chance.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_GAIN = 0.05
"""A fact matters where its balanced accuracy lies this far above chance …"""

LARGEST_P = 0.01
"""… and fewer than one shuffling in a hundred does as well."""

FOLDS = 5
SHUFFLES = 199
SHOWN_VALUES = 6
LEAST_ROWS = 10
"""With fewer rows nothing can be said."""


@dataclass(frozen=True)
class Shortcut:
    """A fact that gives the class away.

    Args:
        fact: Its name.
        balanced_accuracy: Mean over the classes of the share guessed right from the fact alone, on rows that took no
            part in making the guess (5 folds).
        chance: The same by guessing: 1 / classes.
        cramers_v: Strength of association, 0…1, corrected for the number of values.
        p: Share of shuffled labels that reach the accuracy.
        values: The commonest values with their rows per class.
    """

    fact: str
    balanced_accuracy: float
    chance: float
    cramers_v: float
    p: float
    values: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """Return one entry of ``shortcuts``."""
        numbers = {name: round(getattr(self, name), 4) for name in ("balanced_accuracy", "chance", "cramers_v", "p")}
        return {"fact": self.fact, **numbers, "values": [dict(value) for value in self.values]}


def find_shortcuts(
    facts: Sequence[Mapping[str, str]], labels: Sequence[str | None], owners: Sequence[str], *, seed: int = 0
) -> list[Shortcut]:
    """Find the facts that give the class away, the most telling first.

    Cases of one owner (patient or content group) that agree in fact and class count once, and one owner's cases are
    never on both sides of a guess: else few patients with many slices would look like proof.

    Args:
        facts: Value by name, for each case.
        labels: Class of each case, or None: it does not count.
        owners: Who or what each case belongs to.
        seed: Draws folds and shufflings.

    Source:
        Cramér's V with the correction of Bergsma 2013, doi:10.1016/j.jkss.2012.10.002.
    """
    by_fact: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for own, label, owner in zip(facts, labels, owners, strict=True):
        for name, value in own.items():
            if label is not None:
                by_fact[name].add((owner, label, value))
    found = [_judged(name, sorted(rows), seed) for name, rows in sorted(by_fact.items())]
    telling = [s for s in found if s is not None and s.balanced_accuracy >= s.chance + LEAST_GAIN and s.p <= LARGEST_P]
    return sorted(telling, key=lambda s: -s.balanced_accuracy)


def _judged(name: str, rows: Sequence[tuple[str, str, str]], seed: int) -> Shortcut | None:
    classes, label_codes = np.unique([label for _, label, _ in rows], return_inverse=True)
    values, value_codes = np.unique([value for _, _, value in rows], return_inverse=True)
    if len(classes) < 2 or len(values) < 2 or len(rows) < LEAST_ROWS:
        return None
    owners = np.unique([owner for owner, _, _ in rows], return_inverse=True)[1]
    random = np.random.Generator(np.random.Philox(key=seed))
    folds = random.permutation(int(owners.max()) + 1)[owners] % FOLDS
    accuracy = _guessed(value_codes, label_codes, folds)
    as_good = sum(_guessed(value_codes, random.permutation(label_codes), folds) >= accuracy for _ in range(SHUFFLES))
    table = _table(value_codes, label_codes)
    common = np.argsort(-table.sum(axis=1), kind="stable")[:SHOWN_VALUES]
    shown = tuple(
        {"value": str(values[v]), "classes": dict(zip(classes.tolist(), table[v].tolist(), strict=True))}
        for v in common
    )
    return Shortcut(name, accuracy, 1 / len(classes), _cramers_v(table), (as_good + 1) / (SHUFFLES + 1), shown)


def _guessed(values: NDArray[np.intp], labels: NDArray[np.intp], folds: NDArray[np.intp]) -> float:
    """Return the balanced accuracy of guessing, per value, the class that is most over-represented elsewhere."""
    classes, kinds = int(labels.max()) + 1, int(values.max()) + 1
    cells = np.bincount((folds * kinds + values) * classes + labels, minlength=FOLDS * kinds * classes)
    held = cells.reshape(FOLDS, kinds, classes)
    rest = held.sum(axis=0) - held
    shares = rest / np.maximum(rest.sum(axis=1, keepdims=True), 1)
    right = np.zeros(classes)
    for fold in range(FOLDS):
        best = shares[fold].max(axis=1, keepdims=True)
        tied = shares[fold] == best  # a value never seen before ties all classes: a guess
        right += (held[fold] * tied / tied.sum(axis=1, keepdims=True)).sum(axis=0)
    return float(np.mean(right / held.sum(axis=(0, 1))))


def _table(values: NDArray[np.intp], labels: NDArray[np.intp]) -> NDArray[np.intp]:
    classes, kinds = int(labels.max()) + 1, int(values.max()) + 1
    return np.bincount(values * classes + labels, minlength=kinds * classes).reshape(kinds, classes)


def _cramers_v(table: NDArray[np.intp]) -> float:
    total = float(table.sum())
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    phi = float(((table - expected) ** 2 / expected).sum()) / total
    rows, columns = table.shape
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (total - 1))
    least = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return float(np.sqrt(min(1.0, phi / least))) if least > 0 else 0.0
