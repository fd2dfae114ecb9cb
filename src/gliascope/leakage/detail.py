"""The detail of a picture without its brightness: what lies between two scales, divided by its local strength.

Brightness, contrast, gamma and shading change slowly over a picture and cancel out; what is left are edges.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def blurred(image: Floats, sigma: float) -> Floats:
    """Smooth with a Gaussian of ``sigma`` pixels, cut off at 2.6 sigma."""
    width = 2 * math.ceil(2.6 * sigma) + 1
    result: Floats = cv2.GaussianBlur(image, (width, width), sigma).astype(np.float32, copy=False)
    return result


def detail(image: NDArray[np.uint8] | Floats, fine: float, coarse: float, window: float, floor: float) -> Floats:
    """Return the detail of an image.

    Args:
        image: Gray values 0…255, shape ``(rows, columns)``.
        fine: Detail smaller than this (sigma in pixels) is smoothed away.
        coarse: Shades larger than this are taken off.
        window: Sigma in pixels of the neighborhood whose strength the detail is divided by.
        floor: Gray values added to that strength, so that noise in empty places stays small.

    Returns:
        About -1…1, the same shape.
    """
    gray = np.asarray(image, dtype=np.float32)
    band = blurred(gray, fine) - blurred(gray, coarse)
    result: Floats = band / (np.sqrt(blurred(band * band, window)) + np.float32(floor))
    return result
