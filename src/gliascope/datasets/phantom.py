"""The phantom data set: invented patients, written below ROOT on first use."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from gliascope.case import Case, NiftiFiles
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import NIFTI_SUFFIXES, entries, has_suffix
from gliascope.datasets.manifest import manifest_cases
from gliascope.datasets.phantom_layouts import write_phantom_pictures, write_phantom_studies
from gliascope.datasets.study_folder import study_channels
from gliascope.errors import InputError
from gliascope.files.atomic import new_folder
from gliascope.labels import SCHEMES, TUMOR_CLASSES
from gliascope.scan import MRI_CHANNELS
from gliascope.settings import Settings

_VERSION = 1


class PhantomSettings(Settings):
    """Studies with four contrasts, or single pictures of the four classes, three planes per patient."""

    name: Literal["phantom"] = "phantom"
    kind: Literal["study", "pictures"] = "study"
    """``study``: volumes with tissue masks. ``pictures``: gray slices with skull, class and tumor mask."""
    patients: int = Field(default=12, ge=1, le=10_000)
    """How many."""
    size: int = Field(default=48, ge=16, le=256)
    """Voxels or pixels per side in plane; the head always has the same size in mm."""
    seed: int = Field(default=0, ge=0)
    """Which patients."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="phantom",
        title="Phantoms: invented heads with tumors",
        tasks=("segment", "classify"),
        licence="CC0 1.0",
        link="https://creativecommons.org/publicdomain/zero/1.0/",
        citation="none; computed by Gliascope",
        scheme="brats2023",
        channels=MRI_CHANNELS,
        classes=TUMOR_CLASSES,
        patient_identity="One number per invented patient.",
        known_faults=("Figures on phantoms say nothing about patients.",),
        layout="nothing; the files are written there.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the phantoms; the first call writes them, later ones find them.

        Raises:
            MachineError: ROOT cannot be written, or the disk is full.
            InputError: The files were changed or removed since.
        """
        home = root / f"phantom-{self.kind}-{self.patients}x{self.size}-seed{self.seed}-v{_VERSION}"
        if not home.is_dir():
            with new_folder(home, mark="manifest.csv") as part:
                if self.kind == "study":
                    write_phantom_studies(part, patients=self.patients, size=self.size, seed=self.seed)
                else:
                    write_phantom_pictures(part, patients=self.patients, size=self.size, seed=self.seed)
        if self.kind == "pictures":
            return manifest_cases(home / "manifest.csv", home, scheme=SCHEMES["figshare"])
        return [self._study(folder) for folder in entries(home)[1]]

    def _study(self, folder: Path) -> Case:
        files = [path for path in entries(folder)[0] if has_suffix(path, NIFTI_SUFFIXES)]
        found = study_channels(files, folder)
        if tuple(found.channels) != MRI_CHANNELS or len(found.masks) != 1:
            hint = "Remove the phantom folder; it is written again."
            raise InputError("is not a complete phantom", file=folder, hint=hint, code="E_LAYOUT")
        source = NiftiFiles(found.channels, found.masks[0])
        return Case(folder.name, source, patient=folder.name, label="glioma", scheme=SCHEMES["brats2023"])
