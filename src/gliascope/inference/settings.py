"""How a trained network is used; stands as ``inference`` in a recipe and in ``model.json``."""

from pydantic import Field, PositiveInt

from gliascope.settings import Settings


class InferenceSettings(Settings):
    """Window, overlap, threshold and cleaning."""

    window: tuple[PositiveInt, ...] | None = None
    """Window size per network axis, in voxels of the prepared image; none: the whole prepared image at once."""
    overlap: float = Field(default=0.25, ge=0.0, lt=1.0)
    """Share of a window that its neighbor covers again."""
    threshold: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Probability from which a voxel belongs to a region."""
    min_component_voxels: int = Field(default=0, ge=0)
    """Connected parts of a region with fewer voxels are removed; 0 and 1 keep all."""
    mirror: bool = False
    """Average the probabilities over the image and its left-right mirror image, in two passes. No other axis is turned
    round: upside down a head is no head, and networks that never saw one so get worse by it."""
    divisor: PositiveInt = 1
    """With no window, the prepared image is padded to a multiple of it."""
    batch_size: PositiveInt | None = None
    """Windows per pass; none: 8 in 2-D, 1 in 3-D."""
    abstain_below: float = Field(default=0.0, ge=0.0, le=1.0)
    """A classifier whose highest probability is lower gives no class; 0: it always gives one."""

    def batch_for(self, dimensions: int) -> int:
        """Return the number of windows per pass."""
        return self.batch_size or (8 if dimensions == 2 else 1)
