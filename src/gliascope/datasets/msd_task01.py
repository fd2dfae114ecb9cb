"""Medical Segmentation Decathlon, Task01 BrainTumour: 4-D NIfTI files named by ``dataset.json``."""

import json
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from gliascope.case import Case, NiftiChannels
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import find_home, stem_of
from gliascope.errors import InputError, LabelError
from gliascope.labels import SCHEMES
from gliascope.scan import CHANNEL_ALIASES, MRI_CHANNELS
from gliascope.settings import Settings

_LABEL_WORDS = {"1": "edema", "2": "non-enhancing", "3": "enhancing"}


class MsdTask01Settings(Settings):
    """Reads ``dataset.json`` and the training files it lists; channels are named by it, never by position."""

    name: Literal["msd-task01"] = "msd-task01"

    card: ClassVar[DatasetCard] = DatasetCard(
        name="msd-task01",
        title="Medical Segmentation Decathlon, Task01 BrainTumour",
        tasks=("segment",),
        licence="CC BY-SA 4.0",
        link="http://medicaldecathlon.com",
        citation="Antonelli et al. 2022, Nat. Commun. 13:4128, doi:10.1038/s41467-022-30695-9",
        scheme="msd",
        channels=MRI_CHANNELS,
        classes=(),
        patient_identity="One number per case (BRATS_001); which cases are visits of one person is not published.",
        known_faults=(
            "The channels lie in the order FLAIR, T1w, T1gd, T2w; dataset.json names them.",
            "Label numbers differ from BraTS: 1 is edema, 2 non-enhancing, 3 enhancing.",
            "The images come from BraTS 2016 and 2017, so they overlap with other BraTS releases.",
        ),
        layout="dataset.json, imagesTr/BRATS_001.nii.gz (4-D, four channels), labelsTr/BRATS_001.nii.gz.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the training cases.

        Raises:
            InputError: The layout is another one, ``dataset.json`` is damaged, or a listed file is missing.
            LabelError: ``dataset.json`` gives the labels another meaning.
        """
        home = find_home(root, self.card, lambda folder: (folder / "dataset.json").is_file())
        table = home / "dataset.json"
        tree = _read(table)
        channels = _channels(tree, table)
        _check_labels(tree, table)
        rows = tree.get("training")
        if not isinstance(rows, list) or not rows:
            raise InputError("lists no training cases", file=table, hint=self.card.layout)
        cases = []
        for row in rows:
            image, label = (_listed(home, row, key, table) for key in ("image", "label"))
            name = stem_of(image.name)
            source = NiftiChannels(image, channels, label)
            cases.append(Case(name, source, patient=name, label="glioma", scheme=SCHEMES["msd"]))
        cases.sort(key=lambda case: case.id)
        for one, two in pairwise(cases):
            if one.id == two.id:
                raise InputError(f"lists {one.id} twice", file=table, hint="Each case belongs there once.")
        return cases


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        raise InputError(f"cannot be read as JSON ({fault})", file=path, hint="Copy the data set again.") from fault
    if not isinstance(tree, dict):
        raise InputError("is not a JSON table", file=path, hint="Copy the data set again.")
    return tree


def _channels(tree: dict[str, Any], path: Path) -> tuple[str, ...]:
    modality = tree.get("modality")
    if not isinstance(modality, dict) or sorted(modality) != [str(i) for i in range(len(modality))]:
        raise InputError("has no usable table 'modality'", file=path, hint='It reads {"0": "FLAIR", "1": "T1w", …}.')
    names = [str(modality[str(i)]) for i in range(len(modality))]
    unknown = [name for name in names if name.lower() not in CHANNEL_ALIASES]
    if unknown:
        raise InputError(f"names an unknown channel '{unknown[0]}'", file=path, hint="Known: FLAIR, T1w, T1gd, T2w.")
    return tuple(CHANNEL_ALIASES[name.lower()] for name in names)


def _check_labels(tree: dict[str, Any], path: Path) -> None:
    labels = tree.get("labels")
    given = {str(key): str(value).lower() for key, value in labels.items()} if isinstance(labels, dict) else {}
    if set(given) != {"0", *_LABEL_WORDS} or any(word not in given[key] for key, word in _LABEL_WORDS.items()):
        raise LabelError(
            f"gives the labels as {given}",
            file=path,
            hint="Expected 1 edema, 2 non-enhancing tumor, 3 enhancing tumor.",
        )


def _listed(home: Path, row: object, key: str, table: Path) -> Path:
    text = row.get(key) if isinstance(row, dict) else None
    if not isinstance(text, str) or PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts:
        raise InputError(f"has a training entry without a usable '{key}': {row}", file=table)
    path = home / text
    if not path.is_file():
        raise InputError("is listed in dataset.json but missing", file=path, hint="Copy the data set again.")
    return path
