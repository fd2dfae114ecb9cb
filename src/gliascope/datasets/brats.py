"""BraTS of several years side by side: the naming of each study folder decides its label scheme."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case
from gliascope.datasets.brats_folders import NAMINGS, brats_cases
from gliascope.datasets.card import DatasetCard
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings


class BratsSettings(Settings):
    """Reads a folder in which studies of 2017 to 2023 and later may lie together."""

    name: Literal["brats"] = "brats"
    scheme: Literal["brats2023", "brats2024"] = "brats2023"
    """For studies named as in 2023 and later; ``brats2024`` where 4 is the resection cavity."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="brats",
        title="BraTS, any years together",
        tasks=("segment",),
        licence="BraTS research terms: registration, research use, do not redistribute",
        link="https://www.synapse.org/brats",
        citation="Menze et al. 2015, IEEE TMI 34:1993, doi:10.1109/TMI.2014.2377694; "
        "Bakas et al. 2017, doi:10.1038/sdata.2017.117; Baid et al. 2021, arXiv:2107.02314",
        scheme=None,
        channels=MRI_CHANNELS,
        classes=(),
        patient_identity="By folder name, as in the year it comes from.",
        known_faults=(
            "The years overlap: one person may be here under several names, unseen by a split by patient.",
            "Enhancing tumor is 4 in studies named as until 2021 and 3 in those named as from 2023 on.",
        ),
        layout="study folders named as in brats2017, brats2021 or brats2023.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the studies; see ``brats_folders.brats_cases``."""
        return brats_cases(root, self.card, tuple(NAMINGS.values()), schemes={"brats2023": self.scheme})
