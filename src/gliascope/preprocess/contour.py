"""The crop of a picture to the largest bright contour: how the four-class pictures are commonly cleaned."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliascope.errors import GeometryError
from gliascope.preprocess.moves import Window
from gliascope.preprocess.step import Frame
from gliascope.settings import Settings

BLUR = (3, 3)
"""Size of the Gaussian that takes the noise of compression away, in pixels."""

ROUNDS = 2
"""Erosions, then dilations, by 3 × 3 pixels: what is thinner than four pixels goes (letters, frames, specks)."""


class CropContour(Settings):
    """Keep the box around the largest bright outline of a picture; where nothing is bright, the whole picture.

    The first channel decides, blurred and rounded to 8 bits: what is brighter than the threshold, eroded and dilated
    twice, is taken apart into outlines, and the one that encloses most gives the box, its extreme points included.
    Values must be those of 8-bit pictures, so the step comes before any that scales them.
    """

    name: Literal["crop_contour"] = "crop_contour"
    threshold: int = Field(default=45, ge=0, le=254)
    """What is brighter than this, of 0…255, belongs to the head."""

    @property
    def needs_head(self) -> bool:
        """False: the step finds the head in its own way."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Cut out the box.

        Raises:
            GeometryError: The image is a volume.
        """
        if len(frame.shape) != 2:
            cause = f"crop_contour is for pictures, the image has {len(frame.shape)} axes: {frame.shape}"
            hint = "Set plan.per_slice = true, or use crop_head for volumes."
            raise GeometryError(cause, hint=hint, code="E_AXES")
        start, size = self._box(frame.array[0])
        return frame.moved(Window(frame.shape, size, start))

    def _box(self, channel: NDArray[np.float32]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the first pixel and the size of the box, in the order of the axes."""
        pixels = np.clip(np.rint(channel), 0, 255).astype(np.uint8)
        # Blur, erosion and dilation treat rows and columns alike, so it does not matter that J runs down a picture.
        bright = cv2.threshold(cv2.GaussianBlur(pixels, BLUR, 0), self.threshold, 255, cv2.THRESH_BINARY)[1]
        element = np.ones((3, 3), dtype=np.uint8)
        opened = cv2.dilate(cv2.erode(bright, element, iterations=ROUNDS), element, iterations=ROUNDS)
        outlines, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if not outlines:
            return (0,) * pixels.ndim, pixels.shape
        across, down, width, height = cv2.boundingRect(max(outlines, key=cv2.contourArea))
        return (down, across), (height, width)
