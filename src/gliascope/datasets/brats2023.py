"""BraTS 2023 and later: folders ``BraTS-GLI-00000-000``, labels 1, 2 and 3 (and 4 after treatment)."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case
from gliascope.datasets.brats_folders import NAMINGS, brats_cases
from gliascope.datasets.card import DatasetCard
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings


class Brats2023Settings(Settings):
    """Reads any of the challenge's series (GLI, MEN, PED, SSA) named so."""

    name: Literal["brats2023"] = "brats2023"
    scheme: Literal["brats2023", "brats2024"] = "brats2023"
    """``brats2024`` for studies after treatment, where 4 is the resection cavity."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="brats2023",
        title="BraTS 2023 and later",
        tasks=("segment",),
        licence="BraTS research terms: registration, research use, do not redistribute",
        link="https://www.synapse.org/brats2023",
        citation="Baid et al. 2021, arXiv:2107.02314; Menze et al. 2015, doi:10.1109/TMI.2014.2377694; "
        "Bakas et al. 2017, doi:10.1038/sdata.2017.117",
        scheme="brats2023",
        channels=MRI_CHANNELS,
        classes=(),
        patient_identity="BraTS-GLI-00000-000: the last number is the time point, what stands before it the patient.",
        known_faults=(
            "Enhancing tumor is 3, in earlier years 4.",
            "From 2024 on, 4 is the resection cavity: set scheme = 'brats2024'.",
            "The adult gliomas of 2023 are those of 2021 under new names.",
        ),
        layout="BraTS-GLI-00000-000/BraTS-GLI-00000-000-t1n, -t1c, -t2w, -t2f and -seg, each .nii.gz.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the studies; see ``brats_folders.brats_cases``."""
        return brats_cases(root, self.card, (NAMINGS["brats2023"],), schemes={"brats2023": self.scheme})
