"""Listing folders without surprises: sorted, system files left out, links followed once, names made safe."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gliascope.datasets.card import DatasetCard
from gliascope.errors import InputError, MachineError

PICTURE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
NIFTI_SUFFIXES: tuple[str, ...] = (".nii.gz", ".nii")

_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "lost+found"})
_LONGEST_ID = 120
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|index\.html", re.IGNORECASE)
"""Devices of Windows, and the overview that lies beside the folders of the cases."""


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders in ``folder``, sorted by name; hidden and system entries are left out.

    Pipes, sockets and devices are neither.

    Raises:
        InputError: The folder does not exist.
        MachineError: It cannot be read.
    """
    files, folders = [], []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_NAMES:
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    files.append(Path(entry.path))
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise InputError("is not a folder", file=folder, hint="Check the path.", code="E_MISSING") from fault
    except OSError as fault:
        raise MachineError(f"cannot be listed ({fault.strerror})", file=folder, code="E_PERMISSION") from fault
    return sorted(files), sorted(folders)


def walk(root: Path, *, depth: int) -> Iterator[Path]:
    """Yield ``root`` and the folders below it, parents first, at most ``depth`` levels down.

    A folder reached twice, as through a link to its own parent, is yielded once.
    """
    seen: set[Path] = set()

    def visit(folder: Path, left: int) -> Iterator[Path]:
        real = folder.resolve()
        if real in seen:
            return
        seen.add(real)
        yield folder
        if left:
            for inner in entries(folder)[1]:
                yield from visit(inner, left - 1)

    yield from visit(root, depth)


def find_home(root: Path, card: DatasetCard, fits: Callable[[Path], bool], *, depth: int = 2) -> Path:
    """Return the folder that holds the data set: ``root``, or the only one below it that fits.

    Raises:
        InputError: ``root`` is no folder, nothing fits (the message says the expected layout), or several do.
    """
    if not root.is_dir():
        found = "it is a file" if root.exists() else "it does not exist"
        raise card.wrong_layout(root, found)
    if fits(root):
        return root
    homes = [folder for folder in walk(root, depth=depth) if fits(folder)]
    if not homes:
        raise card.wrong_layout(root, "no such folder in it")
    if len(homes) > 1:
        names = " and ".join(str(home.relative_to(root)) for home in homes[:2])
        raise InputError(f"holds {card.name} more than once: {names}", file=root, hint="Name one.", code="E_AMBIGUOUS")
    return homes[0]


def has_suffix(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Return True where the name ends in one of ``suffixes``, in any case."""
    return path.name.lower().endswith(suffixes)


def stem_of(name: str) -> str:
    """Return a file name without its suffix; ``.nii.gz`` counts as one.

    Example:
        >>> stem_of("BraTS2021_00000_t1ce.nii.gz"), stem_of("W39_1998.09.19_Segm.nii")
        ('BraTS2021_00000_t1ce', 'W39_1998.09.19_Segm')
    """
    for suffix in NIFTI_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(name).stem


def case_ids(names: Sequence[str]) -> list[str]:
    """Turn relative paths without suffix into unique names that are safe as files on every system.

    Separators and unusual characters become ``_``; names that would then be equal, also when upper and lower case do
    not count, get six digits of their hash (``x.png`` beside ``x.jpg``: of name and position).

    Example:
        >>> case_ids(["a/x 1", "a/x_1", "b"])
        ['a_x_1-f46966', 'a_x_1-35fe4c', 'b']
    """
    plain = [_safe(name) for name in names]
    often = Counter(name.casefold() for name in plain)
    seen: Counter[str] = Counter()
    ids = []
    for name, original in zip(plain, names, strict=True):
        again = f"#{seen[original]}" if seen[original] else ""
        seen[original] += 1
        ids.append(name if often[name.casefold()] == 1 else f"{name}-{_digest(original + again)}")
    return ids


def _safe(name: str) -> str:
    safe = re.sub(r"[^\w.\-]+", "_", unicodedata.normalize("NFC", name)).strip("._-") or "case"
    safe = f"{safe}-{_digest(name)}" if _RESERVED.fullmatch(safe) else safe
    return safe if len(safe) <= _LONGEST_ID else f"{safe[:_LONGEST_ID].rstrip('._-')}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
