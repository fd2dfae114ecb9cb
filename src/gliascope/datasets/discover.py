"""Any input of ``predict`` as cases: a picture, a stack, a NIfTI file, a study folder, or a folder of these."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliascope.case import AnySource, Case, NiftiChannels, NiftiFiles, Picture, PictureStack
from gliascope.datasets.lgg import LGG_CHANNELS, LGG_NAME
from gliascope.datasets.listing import (
    NIFTI_SUFFIXES,
    PICTURE_SUFFIXES,
    case_ids,
    entries,
    has_suffix,
    stem_of,
    walk,
)
from gliascope.datasets.study_folder import channel_named, is_mask_name, study_channels
from gliascope.errors import InputError, Notice
from gliascope.files.picture import stack_order

_DEPTH = 6
_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_PAIR_SUFFIXES = (".hdr", ".img", ".hdr.gz", ".img.gz")
_TEXT_SUFFIXES = (".txt", ".md", ".csv", ".tsv", ".json", ".html", ".pdf", ".xml", ".log", ".bval", ".bvec")
_MASK_FOLDERS = ("mask", "masks", "labels", "labelstr", "labelsts")
_MOST_PEEKS = 20
_READABLE = "Readable are pictures (PNG, JPEG, TIFF), NIfTI files (.nii, .nii.gz) and folders of these."
_NAME_CHANNELS = (
    "Name them: --channels t1n,t1c,t2w,t2f (in the file's order), --channels t1c for a 3-D file, "
    "or the files outright: --t1c FILE."
)

_COUNT_TEXTS: Mapping[str, tuple[str, str]] = {
    "W_MASKS_IGNORED": (
        "1 file is named as a mask (_mask, _seg); masks are never input.",
        "{} files are named as masks (_mask, _seg); masks are never input.",
    ),
    "W_FILES_IGNORED": (
        "1 file is no image or says no contrast, and was left out.",
        "{} files are no images or say no contrast, and were left out.",
    ),
    "W_STACK": (
        "1 folder of numbered pictures is read as one stack; --no-stack reads every picture alone.",
        "{} folders of numbered pictures are read as one stack each; --no-stack reads every picture alone.",
    ),
    "W_RESULTS_IGNORED": (
        "1 folder holds an earlier prediction, and was left out.",
        "{} folders hold earlier predictions, and were left out.",
    ),
}
"""What is said about one and about several."""


@dataclass(frozen=True)
class Found:
    """What an input holds.

    Args:
        cases: One or more, sorted by id.
        notices: What was left out, and what was taken from names.
        root: The folder that paths are shown relative to.
        failures: Folders of a batch that cannot be used, each with its reason; the rest of the batch can go on.
    """

    cases: tuple[Case, ...]
    notices: tuple[Notice, ...]
    root: Path
    failures: tuple[InputError, ...] = ()


@dataclass(frozen=True)
class _Options:
    stack: bool
    channels: tuple[str, ...] | None
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class _Search:
    """One search through a folder: what was asked, and what was noticed on the way."""

    root: Path
    options: _Options
    notices: list[Notice] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def discover(
    path: Path,
    *,
    stack: bool = True,
    channels: tuple[str, ...] | None = None,
    spacing_mm: tuple[float, ...] | None = None,
) -> Found:
    """Find the cases of one input; no pixels are read.

    Pictures that share one stem and differ in one whole number are one stack, in numeric order. Files named as masks
    are never input. Hidden and system files are passed over; links that lead back to a folder are followed once.

    Args:
        path: A file or a folder, searched six levels deep.
        stack: False: every folder of pictures is a batch.
        channels: Names of the channels of 4-D or colored files, in their order; one name for a 3-D file.
        spacing_mm: Pixel size of pictures (two numbers), or pixel size and slice distance of stacks (three).

    Raises:
        InputError: Nothing is there, nothing is readable, channels have no names, or one contrast has two files.
        MachineError: The folder may not be read.
    """
    options = _Options(stack, channels, spacing_mm)
    if not os.path.exists(path):  # unlike Path.exists, False also for names the system refuses
        raise InputError("does not exist", file=path, hint="Check the path.", code="E_MISSING")
    if path.is_dir():
        return _in_folder(path, options)
    if not path.is_file():
        raise InputError("is neither a file nor a folder", file=path, hint=_READABLE, code="E_FORMAT")
    if is_mask_name(path.name):
        cause = "is a label map by its name, not an image"
        raise InputError(cause, file=path, hint="Rename it if it is an image.", code="E_MASK_NAME")
    source, notices = _of_file(path, options)
    return Found((Case(case_ids([stem_of(path.name)])[0], source),), notices, path.parent)


def _of_file(path: Path, options: _Options) -> tuple[AnySource, tuple[Notice, ...]]:
    if has_suffix(path, NIFTI_SUFFIXES):
        return _nifti(path, options.channels), ()
    if _is_dicom(path):
        raise _dicom_error(path)
    if has_suffix(path, _PAIR_SUFFIXES):
        hint = "Convert it to one .nii.gz file."
        raise InputError("is one half of a .hdr/.img pair, which is not read", file=path, hint=hint, code="E_FORMAT")
    if not has_suffix(path, PICTURE_SUFFIXES):
        raise InputError(f"has an unknown ending '{path.suffix}'", file=path, hint=_READABLE, code="E_FORMAT")
    channels, notices = _picture_channels([path], options)
    spacing = None if options.spacing_mm is None else options.spacing_mm[:2]
    return Picture(path, None, channels, spacing), notices


def _nifti(path: Path, channels: tuple[str, ...] | None) -> AnySource:
    named = channel_named(path.name)
    if channels is None and named is None:
        raise InputError("does not say which channels it holds", file=path, hint=_NAME_CHANNELS, code="E_CHANNELS")
    if channels is None or len(channels) == 1:
        return NiftiFiles({channels[0] if channels else str(named): path})
    return NiftiChannels(path, channels)


def _in_folder(root: Path, options: _Options) -> Found:
    search = _Search(root, options)
    found: list[tuple[str, AnySource]] = []
    failures: list[InputError] = []
    for folder in walk(root, depth=_DEPTH):
        try:
            found += list(_in_one_folder(folder, search))
        except InputError as failure:
            failures.append(failure)
    if not found:
        raise failures[0] if failures else _nothing(root, search.counts)
    names = case_ids([name for name, _ in found])
    cases = sorted((Case(name, source) for name, (_, source) in zip(names, found, strict=True)), key=lambda c: c.id)
    notices = (*dict.fromkeys(search.notices), *_count_notices(search.counts))
    return Found(tuple(cases), notices, root, tuple(failures))


def _in_one_folder(folder: Path, search: _Search) -> Iterator[tuple[str, AnySource]]:
    """Yield name and source of every case whose files lie directly in ``folder``."""
    files, _ = entries(folder)
    options, counts = search.options, search.counts
    if any(path.name == "prediction.json" for path in files):
        counts["W_RESULTS_IGNORED"] += 1
        return
    inner = folder.relative_to(search.root).as_posix()
    here = search.root.resolve().name if inner == "." else inner
    prefix = "" if inner == "." else f"{inner}/"
    images = [path for path in files if has_suffix(path, (*NIFTI_SUFFIXES, *PICTURE_SUFFIXES))]
    _check_others([path for path in files if path not in set(images)], counts, alone=not images)
    aside = folder != search.root and folder.name.lower() in _MASK_FOLDERS
    masks = images if aside else [path for path in images if is_mask_name(path.name)]
    counts["W_MASKS_IGNORED"] += len(masks)
    images = [path for path in images if path not in set(masks)]
    study = study_channels([path for path in images if has_suffix(path, NIFTI_SUFFIXES)], folder)
    if study.channels:
        counts["W_FILES_IGNORED"] += len(study.others)
        yield here, NiftiFiles(study.channels)
    else:
        for path in study.others:
            yield prefix + stem_of(path.name), _nifti(path, options.channels)
    pictures = [path for path in images if has_suffix(path, PICTURE_SUFFIXES)]
    if not pictures:
        return
    channels, named = _picture_channels(pictures, options)
    search.notices.extend(named)
    order = stack_order([path.name for path in pictures]) if options.stack else None
    if order is not None:
        counts["W_STACK"] += 1
        yield here, PictureStack(tuple(folder / name for name in order), (), channels, options.spacing_mm)
        return
    spacing = None if options.spacing_mm is None else options.spacing_mm[:2]
    for path in pictures:
        yield prefix + stem_of(path.name), Picture(path, None, channels, spacing)


def _picture_channels(pictures: list[Path], options: _Options) -> tuple[tuple[str, ...] | None, tuple[Notice, ...]]:
    """Return what the colors of pictures show: as the user says, or as the LGG data set's file names say."""
    if options.channels is not None or not all(LGG_NAME.fullmatch(path.name) for path in pictures):
        return options.channels, ()
    shown = ", ".join(LGG_CHANNELS)
    text = f"The names are those of the LGG data set, so red, green and blue are read as {shown}."
    return LGG_CHANNELS, (Notice("W_CHANNELS_BY_NAME", "", text),)


def _check_others(files: list[Path], counts: Counter[str], *, alone: bool) -> None:
    """Count files that are no images; refuse a folder of nothing but DICOM, known by name or content."""
    strange = [path for path in files if not has_suffix(path, _TEXT_SUFFIXES)]
    strange = [path for path in strange if not path.name.lower().startswith(("readme", "license", "licence"))]
    for path in strange[:_MOST_PEEKS] if alone else ():
        if _is_dicom(path):
            raise _dicom_error(path)
    counts["W_FILES_IGNORED"] += len(strange)


def _is_dicom(path: Path) -> bool:
    if has_suffix(path, _DICOM_SUFFIXES) or path.name == "DICOMDIR":
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _dicom_error(path: Path) -> InputError:
    hint = "Convert the series with dcm2niix and give its NIfTI files."
    return InputError("DICOM is not read yet", file=path, hint=hint, code="E_DICOM")


def _count_notices(counts: Counter[str]) -> list[Notice]:
    return [
        Notice(code, "", one if counts[code] == 1 else many.format(counts[code]))
        for code, (one, many) in _COUNT_TEXTS.items()
        if counts[code]
    ]


def _nothing(root: Path, counts: Counter[str]) -> InputError:
    seen = " ".join(notice.text for notice in _count_notices(counts)).rstrip(".")
    cause = f"holds no image ({seen})" if seen else "holds no image"
    return InputError(cause, file=root, hint=_READABLE, code="E_EMPTY")
