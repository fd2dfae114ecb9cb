"""The gate before a classifier: is this a brain MRI at all, as far as its training pictures tell?

A gate is a few tiny networks over the numbers of ``picture_features``. They were fitted at the end of a training, on
the training's own pictures against invented pictures that show no brain MRI (``training.gate_fit``), and stand as plain
numbers in ``model.json``. A picture whose mean likeness is below the limit is turned away, with a reason in words.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from gliascope.inference.picture_features import NAMES, picture_features
from gliascope.inference.picture_look import is_flat
from gliascope.scan import Scan
from gliascope.settings import Settings

Floats = NDArray[np.float32]

COLORS = {"red": 0.299, "green": 0.587, "blue": 0.114}
"""How bright each color looks (ITU-R BT.601)."""
CHROMA, COLORED_SHARE = 0.15, 0.5
"""Where red, green and blue differ by more than 15 % of the bright end in more than half of the pixels, a picture is
colored. False colors of an MRI leave the dark ground, about half of the picture, without."""
HOUNSFIELD_AIR, AIR_SHARE = -500.0, 0.1
"""MRI has hardly any value this low, CT has air: more than a tenth of the pixels."""
CLIP = 5.0
"""Numbers further from the usual count as this far: beyond it nothing was seen."""
CERTAIN = 9.0
"""Log-odds of one network count up to here, so that one that is very sure does not outvote the others."""


class GateNetwork(Settings):
    """One small network: ``hidden`` tanh units and one logistic output."""

    weights: tuple[tuple[float, ...], ...] = Field(min_length=1)
    """Of the hidden units, one row per unit, one number per feature."""
    biases: tuple[float, ...] = Field(min_length=1)
    """One per hidden unit."""
    output: tuple[float, ...] = Field(min_length=1)
    """Weights of the output, one per hidden unit."""
    bias: float
    """Of the output."""


class GateFacts(Settings):
    """A fitted gate; stands as ``gate`` in ``model.json``."""

    features: tuple[str, ...]
    """The numbers it reads, by name, in order; those of ``picture_features``."""
    center: tuple[float, ...]
    """Median of each number over the pictures of brain MRI it was fitted on."""
    scale: tuple[float, ...]
    """Spread of each number there."""
    networks: tuple[GateNetwork, ...] = Field(min_length=1)
    """Their log-odds are averaged."""
    limit: float = Field(gt=0.0, lt=1.0)
    """A picture with a smaller likeness is turned away."""
    false_share: float = Field(gt=0.0, lt=0.5)
    """The share of real pictures, as they are and altered, that the limit was chosen to turn away at most."""
    pictures: PositiveInt
    """Pictures it was fitted on."""
    invented: PositiveInt
    """Invented pictures it was fitted on."""
    seed: int = Field(ge=0)
    """Every random draw of the fit depends on it."""
    measured: dict[str, float] = Field(default_factory=dict)
    """Shares turned away among pictures that the fit did not see: ``plain`` and ``altered`` real ones, ``invented``
    ones."""

    @model_validator(mode="after")
    def _fits_together(self) -> "GateFacts":
        if self.features != NAMES:
            unknown = sorted(set(self.features) - set(NAMES)) or sorted(set(NAMES) - set(self.features))
            what = f"{unknown[:3]} differ" if unknown else "another order"
            raise ValueError(f"features of another version ({what}): train the model again")
        if len(self.center) != len(NAMES) or len(self.scale) != len(NAMES):
            raise ValueError(f"center and scale need {len(NAMES)} numbers, one per feature")
        if min(self.scale) <= 0:
            raise ValueError("every scale must be above 0")
        for network in self.networks:
            units = len(network.weights)
            if any(len(row) != len(NAMES) for row in network.weights):
                raise ValueError(f"weights need {len(NAMES)} numbers per row, one per feature")
            if len(network.biases) != units or len(network.output) != units:
                raise ValueError(f"biases and output need {units} numbers, one per row of weights")
        return self


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate that is ready: the facts as arrays."""

    facts: GateFacts

    def __post_init__(self) -> None:
        stacked = tuple(
            np.asarray(values, dtype=np.float32)
            for values in (
                self.facts.center,
                self.facts.scale,
                [network.weights for network in self.facts.networks],
                [network.biases for network in self.facts.networks],
                [network.output for network in self.facts.networks],
                [network.bias for network in self.facts.networks],
            )
        )
        object.__setattr__(self, "_arrays", stacked)

    def reason(self, scan: Scan, channels: tuple[str, ...]) -> str:
        """Say why a picture is no brain MRI as the model knows it, or return an empty text where it may be.

        Args:
            scan: One picture, ``(C, I, J)``.
            channels: The model's channels; those of them that the scan has are looked at, else all of the scan's.
        """
        array = np.nan_to_num(scan.array)
        if _is_colored(array, scan.channels):
            return "The picture is colored, as photos are."
        gray = gray_of(array, scan.channels, channels)
        if is_flat(gray):
            return "The picture is one flat value."
        if float((gray < HOUNSFIELD_AIR).mean()) > AIR_SHARE:
            return "Its values run far below 0, as air in CT does."
        numbers = picture_features(gray)
        likeness = float(self.likeness(numbers[np.newaxis])[0])
        if likeness >= self.facts.limit:
            return ""
        figures = f"(likeness to brain MRI {likeness:.3f}, at least {self.facts.limit:.3f} is needed)"
        return f"{_in_words(dict(zip(NAMES, numbers.tolist(), strict=True)))} {figures}."

    def likeness(self, numbers: Floats) -> Floats:
        """Return how like the training's brain MRI pictures are, 0…1.

        Args:
            numbers: Of ``picture_features``, shape ``(N, F)``.

        Returns:
            Shape ``(N,)``: the logistic function of the networks' mean log-odds.
        """
        center, scale, weights, biases, output, bias = self._arrays  # type: ignore[attr-defined]
        usual = np.clip((numbers - center) / scale, -CLIP, CLIP)
        hidden = np.tanh(np.einsum("nf,muf->nmu", usual, weights) + biases)
        odds = np.clip((hidden * output).sum(axis=2) + bias, -CERTAIN, CERTAIN).mean(axis=1)
        return np.asarray(1.0 / (1.0 + np.exp(-odds)), dtype=np.float32)


def gray_of(array: Floats, names: tuple[str, ...], wanted: tuple[str, ...]) -> Floats:
    """Return one gray picture ``(I, J)``: the luminance of colors, or the mean of channels, each over its own range."""
    if set(COLORS) <= set(names):
        parts = [array[names.index(name)] * np.float32(part) for name, part in COLORS.items()]
        return np.asarray(parts[0] + parts[1] + parts[2], dtype=np.float32)
    chosen = [array[names.index(name)] for name in wanted if name in names] or list(array)
    if len(chosen) == 1:
        return np.asarray(chosen[0], dtype=np.float32)
    ranges = [max(float(np.ptp(channel)), 1e-12) for channel in chosen]
    scaled = [(c - c.min()) / size for c, size in zip(chosen, ranges, strict=True)]
    return np.asarray(np.mean(scaled, axis=0), dtype=np.float32)


def _is_colored(array: Floats, names: tuple[str, ...]) -> bool:
    if not set(COLORS) <= set(names):
        return False
    colors = array[[names.index(name) for name in COLORS]][:, ::2, ::2]
    chroma = colors.max(axis=0) - colors.min(axis=0)
    return float((chroma > CHROMA * max(float(np.percentile(colors, 99.5)), 1e-12)).mean()) > COLORED_SHARE


def _in_words(number: dict[str, float]) -> str:
    """Name what is unlike a brain MRI; the first that is plain to see."""
    if number["likeness_1"] < 0.35:
        return "It is noise, or as rough as noise"
    if number["corner_level"] > 0.4 or number["outside_level"] > 0.4:
        return "No head stands out from a dark ground"
    if number["flat_share"] > 0.35 or number["stroke"] < 0.9:
        return "It is drawn or written: flat areas and thin strokes"
    if number["main_share"] < 0.7:
        return "It shows several things, not one head"
    if number["rim_white"] > 0.25 and number["core_white"] < 0.5 * number["rim_white"]:
        return "A bright ring around a plain inside, as the skull in CT"
    if number["edge_contact"] > 0.6:
        return "It fills the picture: no head stands out from a dark ground"
    return "It does not look like the brain MRI that this model learned from"
