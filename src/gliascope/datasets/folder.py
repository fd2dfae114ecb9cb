"""Your own pictures: class folders, image and mask pairs, or a CSV manifest."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case, Picture
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.classes import class_named
from gliascope.datasets.listing import PICTURE_SUFFIXES, case_ids, entries, has_suffix
from gliascope.datasets.manifest import manifest_cases
from gliascope.datasets.study_folder import is_mask_name
from gliascope.errors import InputError
from gliascope.labels import TUMOR_CLASSES, scheme_named
from gliascope.settings import Settings

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


class FolderSettings(Settings):
    """Three layouts; ``auto`` takes the manifest if there is one, then pairs, then class folders."""

    name: Literal["folder"] = "folder"
    layout: Literal["auto", "classes", "pairs", "manifest"] = "auto"
    """``classes``: [train/ test/] <class>/ pictures. ``pairs``: images/ and masks/ with equal stems, or x.png beside
    x_mask.png. ``manifest``: a table of paths."""
    manifest: str = "manifest.csv"
    """The table's file name below ROOT."""
    scheme: str | None = "lgg"
    """Label scheme of the masks; ``lgg`` is one undivided tumor."""
    channels: tuple[str, ...] | None = None
    """What the colour channels show, where they mean contrasts."""
    spacing_mm: tuple[float, float] | None = None
    """Pixel size in mm, where it is known and the same for all."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="folder",
        title="A folder of your own",
        tasks=("classify", "segment"),
        licence="that of your images",
        link="https://docs.python.org/3/library/csv.html",
        citation="none; name the source of your images",
        scheme="lgg",
        channels=(),
        classes=TUMOR_CLASSES,
        patient_identity="Column patient (or group) of the manifest; unknown in the other layouts.",
        known_faults=("Class folders and pairs do not say whose pictures they are: their splits are by image.",),
        layout="manifest.csv (path,patient,group,label,split[,mask]), or images/ and masks/, or one folder per class.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the pictures.

        Raises:
            InputError: Nothing fits, a class folder has another name or is empty, a mask is missing, or a line of the
                manifest is wrong.
            LabelError: The scheme is unknown.
        """
        if not root.is_dir():
            raise self.card.wrong_layout(root, "it is a file" if root.exists() else "it does not exist")
        scheme = None if self.scheme is None else scheme_named(self.scheme)
        layout = self._layout(root) if self.layout == "auto" else self.layout
        if layout == "manifest":
            table = root / self.manifest
            return manifest_cases(table, root, scheme=scheme, channels=self.channels, spacing_mm=self.spacing_mm)
        rows = self._pairs(root) if layout == "pairs" else self._classes(root)
        names = case_ids([path.relative_to(root).with_suffix("").as_posix() for path, *_ in rows])
        cases = [
            Case(
                name,
                Picture(path, mask, self.channels, self.spacing_mm),
                label=label,
                scheme=scheme if mask is not None else None,
                split=split,
            )
            for name, (path, mask, label, split) in zip(names, rows, strict=True)
        ]
        return sorted(cases, key=lambda case: case.id)

    def _layout(self, root: Path) -> str:
        if (root / self.manifest).is_file():
            return "manifest"
        files, folders = entries(root)
        if {"images", "masks"} <= {folder.name for folder in folders} or any(is_mask_name(f.name) for f in files):
            return "pairs"
        if folders:
            return "classes"
        raise self.card.wrong_layout(root, "no table and no folders in it")

    def _pairs(self, root: Path) -> list[tuple[Path, Path | None, str | None, str | None]]:
        beside = not (root / "images").is_dir()
        pictures = _pictures(root if beside else root / "images")
        masks = {}
        for path in _pictures(root if beside else root / "masks"):
            stem = path.stem.rpartition("_")[0] if is_mask_name(path.name) and "_" in path.stem else path.stem
            if not beside or is_mask_name(path.name):
                masks[stem] = path
        images = [path for path in pictures if not is_mask_name(path.name)]
        alone = [path for path in images if path.stem not in masks]
        if alone or not images:
            cause = f"{len(alone)} of {len(images)} pictures have no mask" if images else "holds no pictures"
            wanted = f" Expected {alone[0].stem}_mask.png or masks/{alone[0].stem}.png." if alone else ""
            raise InputError(cause, file=alone[0] if alone else root, hint=f"Each needs one.{wanted}", code="E_LAYOUT")
        lost = sorted(set(masks) - {path.stem for path in images})
        if lost:
            raise InputError("is a mask without a picture", file=masks[lost[0]], hint="Add it or remove the mask.")
        return [(path, masks[path.stem], None, None) for path in images]

    def _classes(self, root: Path) -> list[tuple[Path, Path | None, str | None, str | None]]:
        folders = entries(root)[1]
        parts = {folder: _SPLIT_FOLDERS.get(folder.name.lower()) for folder in folders}
        if any(parts.values()):
            stray = [folder.name for folder, split in parts.items() if split is None]
            if stray:
                raise self.card.wrong_layout(root, f"{stray[0]}/ stands beside folders named after splits")
            rows = [(split, rows) for folder, split in parts.items() for rows in [self._labelled(folder)]]
            labels = [{label for _, label in part} for _, part in rows]
            if any(found != labels[0] for found in labels):
                raise self.card.wrong_layout(root, f"the parts hold different classes: {_shown(labels)}")
            return [(path, None, label, split) for split, part in rows for path, label in part]
        return [(path, None, label, None) for path, label in self._labelled(root)]

    def _labelled(self, home: Path) -> list[tuple[Path, str]]:
        rows = []
        for folder in entries(home)[1]:
            label = class_named(folder.name)
            if label is None:
                known = ", ".join(TUMOR_CLASSES)
                raise self.card.wrong_layout(home, f"'{folder.name}' is no known class ({known})")
            pictures = [path for path in _pictures(folder) if not is_mask_name(path.name)]
            if not pictures:
                raise InputError("holds no pictures", file=folder, hint="Remove the folder or fill it.")
            rows += [(path, label) for path in pictures]
        if not rows:
            raise self.card.wrong_layout(home, "no class folders in it")
        return rows


def _pictures(folder: Path) -> list[Path]:
    return [path for path in entries(folder)[0] if has_suffix(path, PICTURE_SUFFIXES)]


def _shown(labels: list[set[str]]) -> str:
    return " and ".join("/".join(sorted(found)) for found in labels)
