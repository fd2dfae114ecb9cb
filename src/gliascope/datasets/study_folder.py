"""Which NIfTI file of a study is which contrast, by its name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliascope.datasets.listing import stem_of
from gliascope.errors import InputError
from gliascope.scan import CHANNEL_ALIASES, in_channel_order

MASK_WORDS: frozenset[str] = frozenset({"seg", "segm", "mask", "label", "labels", "segmentation"})
"""A file whose name ends in one of these is a reference or a result, never input."""


@dataclass(frozen=True)
class StudyFiles:
    """The files of one folder, sorted out.

    Args:
        channels: One file per contrast, in channel order; may be empty.
        masks: Label maps, by their names.
        others: NIfTI files whose names say no contrast.
    """

    channels: Mapping[str, Path]
    masks: tuple[Path, ...]
    others: tuple[Path, ...]


def study_channels(files: Sequence[Path], folder: Path) -> StudyFiles:
    """Sort the NIfTI files of one folder by contrast.

    Raises:
        InputError: Two files claim one contrast; both are named.
    """
    channels: dict[str, Path] = {}
    masks, others = [], []
    for path in sorted(files):
        if is_mask_name(path.name):
            masks.append(path)
            continue
        channel = channel_named(path.name)
        if channel is None:
            others.append(path)
        elif channel in channels:
            cause = f"has two candidates for {channel}: {channels[channel].name} and {path.name}"
            hint = f"Name the files outright, as in --{channel} FILE, or keep one."
            raise InputError(cause, file=folder, hint=hint, code="E_AMBIGUOUS")
        else:
            channels[channel] = path
    ordered = {name: channels[name] for name in in_channel_order(channels)}
    return StudyFiles(ordered, tuple(masks), tuple(others))


def channel_named(file_name: str) -> str | None:
    """Return the contrast a file name says, or None.

    The whole stem counts (``t1c.nii.gz``), then its last part after ``_``, ``-``, ``.`` or a blank, also joined with
    the part before (``t1_ce``). In BIDS names, ``ce-<agent>`` turns T1w into the contrast-enhanced one.

    Example:
        >>> channel_named("BraTS2021_00000_t1ce.nii.gz"), channel_named("sub-01_ce-gd_T1w.nii.gz")
        ('t1c', 't1c')
        >>> channel_named("BRATS_001.nii.gz") is None
        True
    """
    stem = stem_of(file_name).lower()
    parts = [part for part in re.split(r"[_\-. ]+", stem) if part]
    for text in (stem, "".join(parts[-2:]), parts[-1] if parts else ""):
        channel = CHANNEL_ALIASES.get(text)
        if channel is not None:
            enhanced = channel == "t1n" and re.search(r"(^|_)ce-[a-z0-9]+_", stem)
            return "t1c" if enhanced else channel
    return None


def is_mask_name(file_name: str) -> bool:
    """Return True where a file name says that it is a label map.

    Example:
        >>> is_mask_name("TCGA_CS_4941_19960909_1_mask.tif"), is_mask_name("mask.nii.gz"), is_mask_name("masked.png")
        (True, True, False)
    """
    return re.split(r"[_\-. ]+", stem_of(file_name).lower())[-1] in MASK_WORDS
