"""BraTS 2021: folders ``BraTS2021_00000``, labels 1, 2 and 4."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case
from gliascope.datasets.brats_folders import NAMINGS, brats_cases
from gliascope.datasets.card import DatasetCard
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings


class Brats2021Settings(Settings):
    """Reads the training or validation folder."""

    name: Literal["brats2021"] = "brats2021"

    card: ClassVar[DatasetCard] = DatasetCard(
        name="brats2021",
        title="RSNA-ASNR-MICCAI BraTS 2021",
        tasks=("segment",),
        licence="BraTS research terms: registration, research use, do not redistribute",
        link="https://www.synapse.org/brats2021",
        citation="Baid et al. 2021, arXiv:2107.02314; Menze et al. 2015, doi:10.1109/TMI.2014.2377694; "
        "Bakas et al. 2017, doi:10.1038/sdata.2017.117",
        scheme="brats2017",
        channels=MRI_CHANNELS,
        classes=(),
        patient_identity="One folder per patient.",
        known_faults=(
            "It contains the patients of BraTS 2017 to 2020 under new names.",
            "BraTS2021_01482 has a blocky T1.",
        ),
        layout="BraTS2021_00000/BraTS2021_00000_t1, _t1ce, _t2, _flair and _seg, each .nii.gz.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the studies; see ``brats_folders.brats_cases``."""
        return brats_cases(root, self.card, (NAMINGS["brats2021"],))
