"""Every data set by name: the members, each an adapter of its own, and the union of several."""

from typing import Annotated

from pydantic import Field

from gliascope.datasets.members import MEMBERS, MemberSettings
from gliascope.datasets.union import UnionSettings
from gliascope.errors import ConfigError

DatasetSettings = Annotated[MemberSettings | UnionSettings, Field(discriminator="name")]

DATASETS: dict[str, type[MemberSettings] | type[UnionSettings]] = {
    kind.card.name: kind for kind in (*MEMBERS, UnionSettings)
}
"""Settings class by data-set name."""


def dataset_named(name: str) -> MemberSettings:
    """Return a data set with its default options.

    Raises:
        ConfigError: No such data set, or one that needs options; the message lists the known ones.
    """
    known = ", ".join(kind.card.name for kind in MEMBERS)
    for kind in MEMBERS:
        if kind.card.name == name:
            return kind()
    if name == UnionSettings.card.name:
        raise ConfigError("data set 'union' needs its members", hint="Describe them in a recipe.")
    raise ConfigError(f"unknown data set '{name}'", hint=f"Known: {known}.", code="E_DATASET")
