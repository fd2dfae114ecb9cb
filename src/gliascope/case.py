"""A case: one patient's study, stack or picture, with its files, read only when asked.

A ``Source`` knows which files make up a case and how to read them; there is one small class per layout on disk.
Data-set adapters and the command line both produce cases, so training and prediction read in one way.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from gliascope.errors import InputError
from gliascope.files import hdf5, nifti, picture
from gliascope.labels import LabelScheme
from gliascope.scan import LabelMap, Scan, check_same_grid


class Source(Protocol):
    """The files of one case and the way to read them."""

    @property
    def files(self) -> Mapping[str, Path]:
        """Input files by channel (``t1n`` …, ``picture``, ``all`` for a file of several channels)."""

    @property
    def reference_files(self) -> tuple[Path, ...]:
        """Files of the reference mask; empty where there is none."""

    def read(self) -> Scan:
        """Read the images."""

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool) -> LabelMap | None:
        """Read the reference mask, or return None where there is none."""


@dataclass(frozen=True)
class NiftiFiles:
    """One NIfTI file per channel (BraTS folders, clinical studies)."""

    files: Mapping[str, Path]
    reference: Path | None = None

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return () if self.reference is None else (self.reference,)

    def read(self) -> Scan:
        return nifti.read_scan(self.files)

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        if self.reference is None:
            return None
        return nifti.read_label_map(self.reference, scheme, named_by_user=named_by_user)


@dataclass(frozen=True)
class NiftiChannels:
    """One 4-D NIfTI file whose channels are named from outside (MSD, ``--channels``)."""

    path: Path
    channels: tuple[str, ...]
    reference: Path | None = None

    @property
    def files(self) -> Mapping[str, Path]:
        return {"all": self.path}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return () if self.reference is None else (self.reference,)

    def read(self) -> Scan:
        return nifti.read_channels(self.path, self.channels)

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        if self.reference is None:
            return None
        return nifti.read_label_map(self.reference, scheme, named_by_user=named_by_user)


@dataclass(frozen=True)
class Picture:
    """One PNG, JPEG or TIFF picture.

    ``channels`` names the colour channels where they mean contrasts (LGG); None: gray pictures become one channel
    ``gray``, colour pictures ``red green blue``. ``blank``: a picture of one value everywhere is read too.
    """

    path: Path
    mask: Path | None = None
    channels: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    blank: bool = False

    @property
    def files(self) -> Mapping[str, Path]:
        return {"picture": self.path}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return () if self.mask is None else (self.mask,)

    def read(self) -> Scan:
        return picture.read_picture(self.path, channels=self.channels, spacing_mm=self.spacing_mm, blank=self.blank)

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        del named_by_user  # a binary mask fits one scheme only
        if self.mask is None:
            return None
        return picture.read_mask(self.mask, scheme)


@dataclass(frozen=True)
class PictureStack:
    """Pictures of consecutive slices, in order, read as one volume ``(C, I, J, K)``.

    ``turned`` gives every slice half a turn: pictures show the patient's right on the left and the face upward, so I
    and J run to the right and to anterior then, as in a study of NIfTI files.
    """

    paths: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    channels: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    turned: bool = False

    @property
    def files(self) -> Mapping[str, Path]:
        return {f"slice{index:03d}": path for index, path in enumerate(self.paths)}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return self.masks

    def read(self) -> Scan:
        scan = picture.read_stack(self.paths, channels=self.channels, spacing_mm=self.spacing_mm)
        return scan.half_turned() if self.turned else scan

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        del named_by_user
        labels = picture.read_mask_stack(self.masks, scheme) if self.masks else None
        return replace(labels, array=labels.array[::-1, ::-1].copy()) if labels is not None and self.turned else labels


@dataclass(frozen=True)
class BratsSlice:
    """One HDF5 slice of the BraTS 2020 set; image and mask stand in the same file."""

    path: Path
    channels: tuple[str, ...]

    @property
    def files(self) -> Mapping[str, Path]:
        return {"all": self.path}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return (self.path,)

    def read(self) -> Scan:
        return hdf5.read_brats_slice(self.path, self.channels)

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        del named_by_user
        return hdf5.read_brats_slice_mask(self.path, scheme)


@dataclass(frozen=True)
class FigshareMat:
    """One MATLAB v7.3 file of Cheng's set; image and mask stand in the same file."""

    path: Path

    @property
    def files(self) -> Mapping[str, Path]:
        return {"all": self.path}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return (self.path,)

    def read(self) -> Scan:
        return hdf5.read_figshare(self.path)

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap | None:
        del named_by_user
        return hdf5.read_figshare_mask(self.path, scheme)


AnySource = NiftiFiles | NiftiChannels | Picture | PictureStack | BratsSlice | FigshareMat


@dataclass(frozen=True)
class Case:
    """One session of one patient, or one picture.

    Args:
        id: Unique in its data set; safe as a file name.
        source: Its files and how to read them.
        patient: Who it is; None where the data set does not say. Splits are by patient.
        label: Tumor class, one of ``TUMOR_CLASSES``, or None.
        scheme: The data set's own label scheme for the reference, or None.
        split: The data set's own split (``train``, ``validation``, ``test``), or None.
        group: A set of cases that must stay together although the patient is unknown, or None.
        facts: Further columns of the data set (fold, age …), as text.
        pinned: The part it belongs to whatever a split draws, or None.
        known: What its regions stand for, as region of the target by name to region of its own scheme; all others of
            the target are unknown then. None: the reference tells all.
    """

    id: str
    source: Source
    patient: str | None = None
    label: str | None = None
    scheme: LabelScheme | None = None
    split: str | None = None
    group: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    pinned: Literal["train"] | None = None
    known: Mapping[str, str] | None = None

    @property
    def has_reference(self) -> bool:
        """True where a reference mask is on disk."""
        return bool(self.source.reference_files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file of the case, images first, each once."""
        return tuple(dict.fromkeys((*self.source.files.values(), *self.source.reference_files)))

    def read(self) -> Scan:
        """Read the images.

        Raises:
            InputError: A file is missing, damaged or unusable.
        """
        return self.source.read()

    def read_reference(self, *, scheme: LabelScheme | None = None) -> LabelMap | None:
        """Read the reference mask in its own scheme; ``scheme`` named by the user goes first."""
        return self.source.read_reference(scheme or self.scheme, named_by_user=scheme is not None)

    def read_pair(self) -> tuple[Scan, LabelMap]:
        """Read images and reference, and check that they lie on one grid.

        Raises:
            InputError: There is no reference.
            GeometryError: The grids differ.
        """
        scan, reference = self.read(), self.read_reference()
        if reference is None:
            raise InputError("has no reference mask", file=self.id, code="E_REFERENCE")
        check_same_grid(scan.grid, reference.grid, file=str(self.source.reference_files[0]), against="its images")
        return scan, reference

    def content_hash(self) -> str:
        """Return the SHA-256 over the bytes of every file, with their roles, as 64 hex digits."""
        digest = hashlib.sha256()
        for role, path in (*self.source.files.items(), *(("reference", p) for p in self.source.reference_files)):
            digest.update(f"{role}\n{sha256_of(path)}\n".encode())
        return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of one file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
