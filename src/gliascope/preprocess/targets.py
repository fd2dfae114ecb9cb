"""What a segmentation network is trained to say, and how its answer becomes label numbers again."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from gliascope.errors import ConfigError, GeometryError
from gliascope.labels import REGIONS, SCHEMES, LabelScheme, Tissue, scheme_named, tissues_of
from gliascope.scan import LabelMap
from gliascope.settings import Settings

UNKNOWN = 255
"""What an encoded target holds, throughout, for a region of which nothing is known in a case."""


class TargetSettings(Settings):
    """The network's outputs: tissues that exclude each other, or regions that nest.

    Example:
        >>> TargetSettings(mode="classes", scheme="brats2023").channels
        ('background', 'NCR', 'ED', 'ET')
        >>> TargetSettings(mode="regions", scheme="brats2023").channels
        ('WT', 'TC', 'ET')
    """

    mode: Literal["classes", "regions"]
    """``classes``: one output per label (softmax). ``regions``: one output per region (sigmoid)."""
    scheme: str
    """Label scheme of the result."""
    regions: tuple[str, ...] = ()
    """Regions in the order of the outputs, or tissues by name, each on its own; empty: all regions of the scheme. Only
    for ``regions``."""

    @field_validator("scheme")
    @classmethod
    def _check_scheme(cls, name: str) -> str:
        if name not in SCHEMES:
            raise ValueError(f"unknown label scheme; known: {', '.join(SCHEMES)}")
        return name

    @model_validator(mode="after")
    def _check_regions(self) -> "TargetSettings":
        if self.mode == "classes" and self.regions:
            raise ValueError("regions are named although the mode is 'classes'")
        unknown = [name for name in self.regions if name not in self.label_scheme.expressible]
        if unknown or len(set(self.regions)) != len(self.regions):
            known = ", ".join(self.label_scheme.expressible)
            raise ValueError(f"regions {self.regions} must be different ones of scheme '{self.scheme}': {known}")
        return self

    @property
    def label_scheme(self) -> LabelScheme:
        """The scheme itself."""
        return scheme_named(self.scheme)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the network's outputs, in order."""
        if self.mode == "classes":
            tissues = self.label_scheme.tissues
            return ("background", *(tissues[value].value for value in self.label_scheme.values[1:]))
        return self.regions or self.label_scheme.regions

    def encode(self, label_map: LabelMap, *, known: Mapping[str, str] | None = None) -> NDArray[np.uint8]:
        """Turn a reference into what the loss compares with.

        Args:
            label_map: Any scheme that holds no tissue foreign to ``scheme``; with ``known`` any at all.
            known: What its regions stand for; see ``Case.known``.

        Returns:
            ``classes``: the index of the output, shape ``(1, *S)``. ``regions``: 0 or 1, shape ``(R, *S)``, or
            ``UNKNOWN`` throughout a region.

        Raises:
            LabelError: The map holds a tissue that the scheme does not have, or not the region that is to be known.
            ConfigError: Only some regions are known, and they do not fit the target.
        """
        if known is not None:
            self.check_known(known)
            encoded = np.full((len(self.channels), *label_map.array.shape), UNKNOWN, dtype=np.uint8)
            for index, name in enumerate(self.channels):
                if name in known:
                    encoded[index] = label_map.region(known[name])
            return encoded
        converted = label_map.converted(self.label_scheme)
        if self.mode == "regions":
            return np.stack([converted.region(name) for name in self.channels]).astype(np.uint8)
        table = np.zeros(256, dtype=np.uint8)
        for index, value in enumerate(self.label_scheme.values):
            table[value] = index
        return table[converted.array][None]

    def check_known(self, known: Mapping[str, str]) -> None:
        """Refuse what ``encode`` cannot follow.

        Raises:
            ConfigError: The outputs exclude each other, so that none can be unknown alone, or a region is no output.
        """
        if self.mode != "regions":
            cause = "known: some regions can only be unknown where the target's mode is 'regions'"
            raise ConfigError(cause, hint="Set target.mode = 'regions', or leave known out.", code="E_KNOWN")
        strange = [name for name in known if name not in self.channels]
        if strange:
            cause = f"known: '{strange[0]}' is no region of the target"
            raise ConfigError(cause, hint=f"It has: {', '.join(self.channels)}.", code="E_KNOWN")

    def decode(self, probabilities: NDArray[np.float32], *, threshold: float = 0.5) -> NDArray[np.uint8]:
        """Turn the network's answer into label numbers of the scheme.

        ``classes``: the most probable output. ``regions``: each voxel belongs to the innermost region whose
        probability is above the threshold, whether or not the outer ones hold it too, and gets that region's own
        tissue (``WT`` edema, ``TC`` necrotic core, ``ET`` enhancing tumor). Without an inner region among the outputs
        its tissue is not told apart. Of several single tissues above the threshold the most probable one counts.

        Args:
            probabilities: Shape ``(K, *S)``, outputs in the order of ``channels``.
            threshold: Only for ``regions``.

        Returns:
            Label numbers, shape ``(*S)``.

        Raises:
            GeometryError: The number of outputs is another.
        """
        if len(probabilities) != len(self.channels):
            raise GeometryError(f"{len(probabilities)} probability maps for the outputs {', '.join(self.channels)}")
        if self.mode == "classes":
            values = np.array(self.label_scheme.values, dtype=np.uint8)
            decoded: NDArray[np.uint8] = values[np.argmax(probabilities, axis=0)]
            return decoded
        labels = np.zeros(probabilities.shape[1:], dtype=np.uint8)
        single = np.zeros_like(labels, dtype=np.float32)
        for name in sorted(self.channels, key=lambda region: -len(tissues_of(region))):
            own = probabilities[self.channels.index(name)]
            inside = own > threshold
            if len(tissues_of(name)) == 1:
                inside &= own > single
                single[inside] = own[inside]
            labels[inside] = self.label_scheme.value_of(_own_tissue(name))
        return labels


def marked(encoded: NDArray[Any]) -> NDArray[np.bool_]:
    """Say where an encoded target holds something: a class other than background, a region that is known to be there.

    Example:
        >>> marked(np.array([0, 1, 3, UNKNOWN])).tolist()
        [False, True, True, False]
    """
    found: NDArray[np.bool_] = (encoded != 0) & (encoded != UNKNOWN)
    return found


def _own_tissue(region: str) -> Tissue:
    """Return the tissue that a region has and no region inside it has."""
    inner = [tissues for tissues in REGIONS.values() if tissues < tissues_of(region)]
    (own,) = tissues_of(region).difference(*inner)
    return own
