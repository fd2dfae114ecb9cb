"""Measure a classifier's gate: how much it turns away of each kind of picture, and how long one picture takes.

    python benchmarks/gate_table.py MODEL KIND=FOLDER... [--json FILE]

MODEL is a model or run folder with a gate. Each FOLDER is searched for pictures and NIfTI volumes; of a volume, the
slices of the middle 60 % along each axis are taken, eight per axis, scaled to the volume's 99.8th percentile. Four
invented kinds (noise, text, photo-like, CT), which the fit did not see, are always measured.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from gliascope.datasets.phantom_other import other_picture
from gliascope.errors import InputError
from gliascope.files import nifti, picture
from gliascope.inference.gate import Gate
from gliascope.inference.parts import read_parts
from gliascope.scan import Grid, Scan
from gliascope.workflow.model_choice import find_model

INVENTED = ("noise", "text", "photo", "ct_head")
UNSEEN_SEED = 7_000_000_000
"""Far from the seeds that a fit uses."""
SLICES = 8
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif")


def scans_in(folder: Path) -> Iterator[tuple[str, Scan]]:
    """Yield every picture of a folder, and slices of every volume, with a name."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and "_mask" not in path.name:
            try:
                yield path.name, picture.read_picture(path, blank=True)
            except InputError as fault:
                sys.stderr.write(f"left out: {fault}\n")
        elif path.name.endswith((".nii.gz", ".nii")) and "seg" not in path.name:
            yield from slices_of(path)


def slices_of(path: Path) -> Iterator[tuple[str, Scan]]:
    """Yield slices of the middle 60 % along each axis that is not shorter than half of the longest."""
    scan = nifti.read_scan({"t1n": path})
    volume = scan.array[0]
    top = float(np.percentile(volume, 99.8))
    filled = volume > 0.05 * top
    for axis in range(3):
        if 2 * volume.shape[axis] < max(volume.shape) and volume.shape[axis] != min(volume.shape):
            continue
        content = np.flatnonzero(filled.any(axis=tuple(n for n in range(3) if n != axis)))
        first, last = content[0], content[-1]
        for k in np.linspace(first + 0.2 * (last - first), first + 0.8 * (last - first), SLICES).astype(int):
            plane = np.clip(np.take(volume, k, axis) * (255 / top), 0, 255)
            if min(plane.shape) * 4 >= max(plane.shape):  # thick slices seen from the side are no pictures
                yield f"{path.name}:{'ijk'[axis]}{k}", Scan(plane[None], ("gray",), Grid(plane.shape))


def invented_scans(kind: str, count: int) -> Iterator[tuple[str, Scan]]:
    """Yield invented pictures of a kind that no fit has seen."""
    for number in range(count):
        made = other_picture(UNSEEN_SEED + number, kind, 192).astype(np.float32)
        yield f"{kind} {number}", Scan(made[None], ("gray",), Grid(made.shape))


def main(arguments: list[str] | None = None) -> None:
    """Print the table, and write it as JSON where asked."""
    cv2.setNumThreads(1)  # the time is that of one core
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("kinds", nargs="*", metavar="KIND=FOLDER")
    parser.add_argument("--invented", type=int, default=100, metavar="N", help="pictures of each invented kind")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    gate = read_parts(find_model(given.model)).gate
    if gate is None:
        parser.error(f"{given.model} has no gate")
    sources = {f"invented: {kind}": invented_scans(kind, given.invented) for kind in INVENTED}
    for entry in given.kinds:
        kind, _, folder = entry.partition("=")
        sources[kind] = scans_in(Path(folder))
    rows = [measure(kind, scans, gate) for kind, scans in sources.items()]
    for row in rows:
        sys.stdout.write(f"| {row['kind']} | {row['pictures']:,} | {row['turned_away']:.1%} | {row['ms']:.1f} |\n")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


def measure(kind: str, scans: Iterator[tuple[str, Scan]], gate: Gate) -> dict[str, str | int | float | list[str]]:
    """Return how many pictures of a kind there are, the share that is turned away, and CPU milliseconds for each."""
    count, away, spent = 0, [], 0.0
    for name, scan in scans:
        start = time.process_time()
        reason = gate.reason(scan, ("gray",))
        spent += time.process_time() - start
        count += 1
        away += [f"{name}: {reason}"] if reason else []
    share = len(away) / max(1, count)
    return {"kind": kind, "pictures": count, "turned_away": share, "ms": 1000 * spent / max(1, count), "reasons": away}


if __name__ == "__main__":
    main()
