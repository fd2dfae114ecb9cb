"""SegResNet in 2-D and 3-D, from MONAI: residual blocks whose short and long skips are both sums.

It is the network of the BraTS 2018 winner without its image-restoring branch.

Source:
    Myronenko 2019, doi:10.1007/978-3-030-11726-9_28.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from gliascope.models.library import LibraryNetwork, require
from gliascope.settings import Settings


class SegResNetSettings(Settings):
    """An encoder of residual blocks with a light decoder; skips are added (MONAI)."""

    task: ClassVar[Literal["segment"]] = "segment"
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["segresnet"] = "segresnet"
    dimensions: Literal[2, 3] = 2
    """Voxel axes: 2 for slices and pictures, 3 for volumes."""
    width: PositiveInt = 32
    """Channels of the first level, a multiple of ``groups``; doubled at every further one."""
    groups: PositiveInt = 8
    """Groups of the group normalization."""
    blocks_down: tuple[PositiveInt, ...] = Field(default=(1, 2, 2, 4), min_length=2, max_length=7)
    """Residual blocks per level of the encoder; each further level halves the size."""
    blocks_up: tuple[PositiveInt, ...] = (1, 1, 1)
    """Residual blocks per level of the decoder, one level less."""
    up: Literal["transposed", "linear"] = "linear"
    """Doubling of the size: a transposed convolution, or bilinear (trilinear) interpolation behind a 1x1 one."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of whole channels of the first convolution that are set to zero."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.blocks_up) != len(self.blocks_down) - 1:
            raise ValueError(f"blocks_up needs {len(self.blocks_down) - 1} values, got {len(self.blocks_up)}")
        if self.width % self.groups:
            raise ValueError(f"groups ({self.groups}) must divide width ({self.width})")
        return self

    @property
    def divisor(self) -> int:
        """Every voxel axis of the input must be a multiple of it."""
        return int(2 ** (len(self.blocks_down) - 1))

    def build(self, in_channels: int, out_channels: int) -> LibraryNetwork:
        """Return the network, its first weights drawn.

        Raises:
            MachineError: MONAI is missing.
        """
        require("monai")
        from monai.networks.nets.segresnet import SegResNet

        body = SegResNet(
            self.dimensions,
            init_filters=self.width,
            in_channels=in_channels,
            out_channels=out_channels,
            dropout_prob=self.dropout or None,
            norm=("group", {"num_groups": self.groups}),
            blocks_down=self.blocks_down,
            blocks_up=self.blocks_up,
            upsample_mode="deconv" if self.up == "transposed" else "nontrainable",
        )
        return LibraryNetwork(body, in_channels, dimensions=self.dimensions, divisor=self.divisor)
