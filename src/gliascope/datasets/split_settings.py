"""How cases are divided, as settings."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from gliascope.settings import Settings

FOLDED = ("kfold", "cross_validation")
"""Methods with numbered folds, besides ``own`` where the data set has some."""


class SplitSettings(Settings):
    """How cases are divided."""

    by: Literal["patient", "image"] = "patient"
    """What stays together. ``image`` lets one patient's images fall on both sides and is named so everywhere."""
    method: Literal["random", "stratified", "kfold", "cross_validation", "own", "csv"] = "random"
    """``kfold``: fold ``fold`` is the test. ``cross_validation``: the test is drawn once, fold ``fold`` of the rest
    validates. ``own``: the data set's split or fold. ``csv``: the table at ``path``."""
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    """Shares of training, validation and test, or numbers in that proportion; for ``random`` and ``stratified``, and
    the last one for ``cross_validation``."""
    strata: Literal["class", "tumor"] = "class"
    """What ``stratified`` and ``kfold`` balance: classes, or quarters of the tumor's size with the tissues that are
    there (both after preparation)."""
    folds: PositiveInt = 5
    """Number of folds, at least 2."""
    fold: PositiveInt = 1
    """Which fold is tested, or validates in ``cross_validation``, from 1."""
    seed: int = Field(default=0, ge=0)
    """Which draw."""
    validation: float = Field(default=0.15, ge=0, lt=1)
    """Share of the training units that validate, for ``kfold`` and for ``own`` and ``csv`` without validation."""
    path: str | None = None
    """The table of ``csv``."""

    @field_validator("fractions")
    @classmethod
    def _as_shares(cls, given: tuple[float, float, float]) -> tuple[float, float, float]:
        total = sum(given)
        counted = total > 1 and all(value.is_integer() for value in given)
        shares = tuple(value / total for value in given) if counted else given
        if min(given) < 0 or abs(sum(shares) - 1) > 1e-6 or given[0] == 0:
            cause = "fractions must be at least 0, sum to 1 (or be whole numbers) and leave something to train"
            raise ValueError(f"{cause}; got {given}")
        return shares[0], shares[1], shares[2]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.folds < 2 or self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}: folds are numbered from 1 and there are at least 2")
        if (self.path is None) == (self.method == "csv"):
            raise ValueError("path belongs to method 'csv', and only there")
        if self.strata == "tumor" and self.method not in ("stratified", "kfold"):
            raise ValueError(f"strata belong to methods 'stratified' and 'kfold', not to '{self.method}'")
        return self
