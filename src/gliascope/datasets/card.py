"""The card of a data set: what it is, who made it, what may be done with it, and what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

from gliascope.errors import InputError


@dataclass(frozen=True)
class DatasetCard:
    """Facts about one data set, shown by ``gliascope datasets`` and kept with every model trained on it.

    Args:
        name: The adapter's name.
        title: Full name.
        tasks: ``classify`` and/or ``segment``.
        licence: Licence of the images.
        link: Where to get it.
        citation: What to cite.
        scheme: Label scheme of its masks, or None where it has none or they differ.
        channels: Channels of its scans, in order; empty where they depend on the files.
        classes: Tumor classes it tells apart; empty for pure segmentation.
        patient_identity: How patients are told apart.
        known_faults: What is known to be wrong with the data.
        layout: The files the adapter expects below ROOT.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    licence: str
    link: str
    citation: str
    scheme: str | None
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    patient_identity: str
    known_faults: tuple[str, ...]
    layout: str

    def wrong_layout(self, root: Path, found: str) -> InputError:
        """Return the error for a folder that is not laid out as this data set."""
        hint = f"Expected below this folder: {self.layout}"
        return InputError(f"is not laid out as {self.name}: {found}", file=root, hint=hint, code="E_LAYOUT")
