"""Volumes for models that know pictures alone, which lie half a turn from them.

A picture of an axial slice shows the patient's right on the left and the face upward; a volume in RAS order runs the
other way along both axes of the slice. Half a turn there, and half a turn back.
"""

from dataclasses import replace

import numpy as np

from gliascope.preprocess.inside import Inside
from gliascope.scan import Scan


def as_pictures(scan: Scan) -> Scan:
    """Return a volume whose slices lie as pictures do; the grid is left, since shape and voxel size stay."""
    return replace(scan, array=np.ascontiguousarray(scan.array[:, ::-1, ::-1]))


def turned_back(inside: Inside) -> Inside:
    """Return maps over such a volume as they lie over the volume itself.

    Example:
        >>> part = Inside(np.array([[[[1], [2]]]]), (slice(0, 1), slice(0, 2), slice(0, 1)), (3, 2, 1), (0.0,))
        >>> turned_back(part).whole()[0, :, :, 0].tolist()
        [[0, 0], [0, 0], [2, 1]]
    """
    box = [
        slice(size - part.stop, size - part.start) for part, size in zip(inside.box[:2], inside.shape[:2], strict=True)
    ]
    return replace(inside, values=np.ascontiguousarray(inside.values[:, ::-1, ::-1]), box=(*box, *inside.box[2:]))
