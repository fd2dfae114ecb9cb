"""What options mean before anything runs."""

import pytest

from gliascope.cli.options import fold_numbers
from gliascope.errors import UsageError


@pytest.mark.parametrize(("text", "folds"), [(None, None), ("all", ()), ("2", (2,)), ("1,3,2", (1, 3, 2))])
def test_folds_by_number(text: str | None, folds: tuple[int, ...] | None) -> None:
    assert fold_numbers(text) == folds


@pytest.mark.parametrize("text", ["", "0", "1,,2", "1,1", "two", "-1", "1.5"])
def test_what_is_no_fold_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="each once, or all"):
        fold_numbers(text)
