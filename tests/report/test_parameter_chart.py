"""The chart of scores over parameters."""

import re

from gliascope.report.parameter_chart import ParameterPoint, parameter_chart

POINTS: list[ParameterPoint] = [
    {"name": "width 2", "parameters": 22_000, "score": 0.81, "low": 0.78, "high": 0.84},
    {"name": "width 16 <b>", "parameters": 1_375_043, "score": 0.9, "low": None, "high": None},
    {"name": "width 64", "parameters": 21_000_000, "score": 0.92, "low": 0.91, "high": 0.93},
]


def test_every_network_is_named_and_the_axis_counts_in_thousands_and_millions() -> None:
    svg = parameter_chart(POINTS, "Dice")
    assert svg.startswith("<svg")
    for words in ("Width 2", "Width 64", "Parameters", "Dice", "100k", "10M"):
        assert words in svg
    assert "<b>" not in svg
    assert svg == parameter_chart(POINTS[::-1], "Dice")
    assert len(re.findall("Width", svg)) == 3


def test_one_network_is_enough() -> None:
    assert "Width 2" in parameter_chart(POINTS[:1], "Dice")
