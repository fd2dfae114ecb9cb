"""BraTS 2017 to 2020: study folders, ``_t1 _t1ce _t2 _flair _seg``, labels 1, 2 and 4."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case
from gliascope.datasets.brats_folders import NAMINGS, brats_cases
from gliascope.datasets.card import DatasetCard
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings


class Brats2017Settings(Settings):
    """Reads the training or validation folder of any of the four years."""

    name: Literal["brats2017"] = "brats2017"

    card: ClassVar[DatasetCard] = DatasetCard(
        name="brats2017",
        title="BraTS 2017, 2018, 2019 and 2020",
        tasks=("segment",),
        licence="BraTS research terms: registration, research use, do not redistribute",
        link="https://www.med.upenn.edu/cbica/brats2020/data.html",
        citation="Menze et al. 2015, IEEE TMI 34:1993, doi:10.1109/TMI.2014.2377694; "
        "Bakas et al. 2017, Sci. Data 4:170117, doi:10.1038/sdata.2017.117",
        scheme="brats2017",
        channels=MRI_CHANNELS,
        classes=(),
        patient_identity="One folder per patient. The years overlap under new names.",
        known_faults=(
            "BraTS 2020, patient 355: the segmentation is named W39_1998.09.19_Segm.nii (it is read).",
            "Most patients of one year appear in the next under another name; do not mix years across a split.",
        ),
        layout="[HGG/ or LGG/]<patient>/<patient>_t1, _t1ce, _t2, _flair and _seg, each .nii or .nii.gz.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the studies; see ``brats_folders.brats_cases``."""
        return brats_cases(root, self.card, (NAMINGS["brats2017"],))
