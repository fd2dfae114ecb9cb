from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError

from gliascope.errors import ConfigError
from gliascope.settings import Settings, field_texts, known_names, load_settings


class Small(Settings):
    name: Literal["small"] = "small"
    width: PositiveInt = 8
    """Channels of the first block."""


class Large(Settings):
    name: Literal["large"] = "large"
    depth: int = 3


class Run(Settings):
    seed: int = 0
    rate: float = 0.1
    network: Annotated[Small | Large, Field(discriminator="name")] = Small()
    steps: tuple[Annotated[Small | Large, Field(discriminator="name")], ...] = ()
    extra: Large | None = None


def refusal(tree: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings(Run, tree, file="run.toml")
    assert caught.value.file == "run.toml"
    return caught.value


def test_plain_data_becomes_typed_objects() -> None:
    run = load_settings(Run, {"seed": 3, "network": {"name": "large", "depth": 2}, "steps": [{"name": "small"}]})
    assert run.seed == 3
    assert run.network == Large(depth=2)
    assert run.steps == (Small(),)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Small().width = 9  # type: ignore[misc]


def test_the_string_below_a_field_documents_it() -> None:
    assert field_texts(Small)["width"] == "Channels of the first block."


@pytest.mark.parametrize(
    ("tree", "path", "near", "known"),
    [
        ({"sead": 1}, "sead", "seed", "extra, network, rate, seed, steps"),
        ({"network": {"name": "small", "widht": 8}}, "network.small.widht", "width", "name, width"),
        ({"network": {"name": "large", "dept": 8}}, "network.large.dept", "depth", "depth, name"),
        ({"steps": [{"name": "small"}, {"name": "large", "dpth": 1}]}, "steps.1.large.dpth", "depth", "depth, name"),
        ({"extra": {"depht": 1}}, "extra.depht", "depth", "depth, name"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(tree: dict[str, Any], path: str, near: str, known: str) -> None:
    error = refusal(tree)
    assert error.cause == f"{path}: unknown name"
    assert error.hint == f"Did you mean '{near}'? Known: {known}."


def test_a_name_like_no_other_has_no_suggestion() -> None:
    assert refusal({"zzz": 1}).hint.startswith("Known: ")


@pytest.mark.parametrize(
    ("tree", "shown"),
    [
        ({"seed": True}, "got True"),
        ({"seed": "1"}, "got '1'"),
        ({"seed": 1.5}, "got 1.5"),
        ({"network": {"name": "small", "width": 0}}, "greater than 0, got 0"),
        ({"network": {"name": "vnet"}}, "'vnet'"),
    ],
)
def test_a_wrong_value_says_what_was_given(tree: dict[str, Any], shown: str) -> None:
    assert shown in refusal(tree).cause


def test_several_faults_are_counted() -> None:
    assert refusal({"seed": "1", "rate": "x", "a": 1}).cause.endswith("(2 more)")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    assert "rate" in refusal({"rate": value}).cause


def test_known_names_at_the_top() -> None:
    assert known_names(Large, ("x",)) == ["depth", "name"]
