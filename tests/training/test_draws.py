"""Draws depend on their key alone."""

import itertools

import pytest

from gliascope.training.draws import Purpose, drawn_seed, generator

pytestmark = pytest.mark.train


def test_every_part_of_the_key_matters_and_nothing_else_does() -> None:
    keys = list(itertools.product((0, 1, -1), (Purpose.ORDER, Purpose.AUGMENT), (0, 1), (0, 1, 2)))
    first = {key: generator(key[0], key[1], epoch=key[2], position=key[3]).random() for key in keys}
    again = {key: generator(key[0], key[1], epoch=key[2], position=key[3]).random() for key in reversed(keys)}
    assert first == again
    assert len(set(first.values())) == len(keys)


def test_long_draws_of_neighbors_do_not_overlap() -> None:
    one, two = (set(generator(1, Purpose.ORDER, epoch=0, position=p).random(5000).tolist()) for p in (0, 1))
    assert not one & two


def test_values_are_fixed_for_ever() -> None:
    assert generator(1, Purpose.PATCH, epoch=2, position=3).integers(1000, size=4).tolist() == [488, 673, 359, 397]
    assert drawn_seed(1, Purpose.STEP, epoch=0) == drawn_seed(1, Purpose.STEP, epoch=0)
