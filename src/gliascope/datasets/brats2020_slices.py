"""BraTS 2020 as HDF5 slices (Kaggle): ``volume_1_slice_0.h5`` with image and mask."""

import re
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from gliascope.case import BratsSlice, Case
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import entries, find_home
from gliascope.labels import SCHEMES
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings

_NAME = re.compile(r"volume_(\d+)_slice_(\d+)\.h5")


class Brats2020SlicesSettings(Settings):
    """One case per axial slice; a volume is a patient."""

    name: Literal["brats2020-slices"] = "brats2020-slices"
    channels: tuple[str, str, str, str] = ("t1n", "t1c", "t2w", "t2f")
    """What the four planes of ``image`` show, in file order; the files do not say."""
    slices: tuple[int, int] = (0, 154)
    """First and last slice to use, both included; the central half of 155 is 39 to 115."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="brats2020-slices",
        title="BraTS 2020 training data as HDF5 slices (Kaggle, awsaf49)",
        tasks=("segment",),
        licence="BraTS research terms: do not redistribute",
        link="https://www.kaggle.com/datasets/awsaf49/brats2020-training-data",
        citation="Menze et al. 2015, IEEE TMI 34:1993, doi:10.1109/TMI.2014.2377694; "
        "Bakas et al. 2017, doi:10.1038/sdata.2017.117",
        scheme="brats2017",
        channels=("t1n", "t1c", "t2w", "t2f"),
        classes=(),
        patient_identity="The volume number, 1 to 369.",
        known_faults=(
            "The channel order is not stored and not verified: public projects disagree (T1, T1c, T2, FLAIR or "
            "FLAIR, T1, T1c, T2). Set `channels` after looking.",
            "Voxel size and orientation are lost.",
        ),
        layout="volume_1_slice_0.h5 … volume_369_slice_154.h5 (often below content/data/).",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sorted(self.channels) != sorted(MRI_CHANNELS):
            raise ValueError(f"channels must name each of {', '.join(MRI_CHANNELS)} once")
        if not 0 <= self.slices[0] <= self.slices[1]:
            raise ValueError("slices must be first and last, from 0")
        return self

    def cases(self, root: Path) -> list[Case]:
        """List the slices in range.

        Raises:
            InputError: No file is named so, or none lies in the range.
        """
        home = find_home(root, self.card, _holds_slices, depth=3)
        cases = []
        for path in entries(home)[0]:
            match = _NAME.fullmatch(path.name)
            if match and self.slices[0] <= int(match[2]) <= self.slices[1]:
                patient = f"volume_{int(match[1]):03d}"
                source = BratsSlice(path, self.channels)
                facts = {"slice": str(int(match[2]))}
                name = f"{patient}_slice_{int(match[2]):03d}"
                cases.append(Case(name, source, patient=patient, scheme=SCHEMES["brats2017"], facts=facts))
        if not cases:
            raise self.card.wrong_layout(root, f"no slice from {self.slices[0]} to {self.slices[1]}")
        return sorted(cases, key=lambda case: case.id)


def _holds_slices(folder: Path) -> bool:
    return any(_NAME.fullmatch(path.name) for path in entries(folder)[0])
