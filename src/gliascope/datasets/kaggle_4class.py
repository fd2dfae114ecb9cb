"""The four-class brain MRI pictures of Kaggle: ``{Training,Testing}/{glioma,meningioma,notumor,pituitary}``."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case, Picture
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.classes import class_named
from gliascope.datasets.listing import PICTURE_SUFFIXES, case_ids, entries, find_home, has_suffix
from gliascope.errors import InputError
from gliascope.labels import TUMOR_CLASSES
from gliascope.settings import Settings

_SPLITS = {"Training": "train", "Testing": "test"}


class Kaggle4ClassSettings(Settings):
    """One case per picture, with the data set's own split."""

    name: Literal["kaggle-4class"] = "kaggle-4class"

    card: ClassVar[DatasetCard] = DatasetCard(
        name="kaggle-4class",
        title="Brain Tumor MRI Dataset (Kaggle, masoudnickparvar)",
        tasks=("classify",),
        licence="CC0 1.0",
        link="https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset",
        citation="Nickparvar 2021, Brain Tumor MRI Dataset, Kaggle, doi:10.34740/kaggle/dsv/2645886",
        scheme=None,
        channels=("gray",),
        classes=TUMOR_CLASSES,
        patient_identity="Unknown: a split by patient cannot be had.",
        known_faults=(
            "Its own split leaks: exact, rescaled, recompressed and mirrored copies of one slice lie on both sides.",
            "Slices of one patient lie on both sides.",
            "A few copies of one picture carry different labels.",
            "Some files are colour pictures of gray content; one is an RGBA PNG named .jpg.",
        ),
        layout="Training/ and Testing/, each with glioma/, meningioma/, notumor/ and pituitary/ full of pictures.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the pictures of both parts.

        Raises:
            InputError: A part or a class folder is missing, empty, or of another name.
        """
        home = find_home(root, self.card, lambda folder: (folder / "Training").is_dir(), depth=1)
        found = []
        for part, split in _SPLITS.items():
            folders = self._class_folders(home, part)
            for label, folder in folders.items():
                pictures = [path for path in entries(folder)[0] if has_suffix(path, PICTURE_SUFFIXES)]
                if not pictures:
                    raise InputError("holds no pictures", file=folder, hint="Every class needs some in both parts.")
                found += [(path, label, split) for path in pictures]
        names = case_ids([path.relative_to(home).with_suffix("").as_posix() for path, _, _ in found])
        cases = [
            Case(name, Picture(path), label=label, split=split)
            for name, (path, label, split) in zip(names, found, strict=True)
        ]
        return sorted(cases, key=lambda case: case.id)

    def _class_folders(self, home: Path, part: str) -> dict[str, Path]:
        if not (home / part).is_dir():
            raise self.card.wrong_layout(home, f"{part}/ is missing")
        folders: dict[str, Path] = {}
        for folder in entries(home / part)[1]:
            label = class_named(folder.name)
            if label is None or label in folders:
                raise self.card.wrong_layout(home, f"{part}/{folder.name} is not one of the four class folders")
            folders[label] = folder
        missing = [label for label in TUMOR_CLASSES if label not in folders]
        if missing:
            raise self.card.wrong_layout(home, f"{part}/ has no folder for {', '.join(missing)}")
        return folders
