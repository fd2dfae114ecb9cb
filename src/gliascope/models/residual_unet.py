"""The residual U-Net in 2-D and 3-D, from MONAI: each level adds its input to what its convolutions make of it.

Short skips are summed within a level, long skips join encoder and decoder; ``segresnet`` sums both.

Source:
    Zhang 2018, doi:10.1109/LGRS.2018.2802944; Kerfoot 2019, doi:10.1007/978-3-030-12029-0_40.
"""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from gliascope.models.library import LibraryNetwork, require
from gliascope.settings import Settings


class ResidualUNetSettings(Settings):
    """A U-Net of residual units that halves by strided convolutions and doubles by transposed ones (MONAI)."""

    task: ClassVar[Literal["segment"]] = "segment"
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["residual_unet"] = "residual_unet"
    dimensions: Literal[2, 3] = 2
    """Voxel axes: 2 for slices and pictures, 3 for volumes."""
    width: PositiveInt = 32
    """Channels of the first level; doubled at every further one."""
    depth: int = Field(default=4, ge=1, le=7)
    """Number of halvings."""
    units: PositiveInt = 2
    """Convolutions that a residual unit of the encoder spans."""
    norm: Literal["batch", "instance"] = "instance"
    """Normalization after every convolution."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share set to zero after every normalization."""

    @property
    def divisor(self) -> int:
        """Every voxel axis of the input must be a multiple of it."""
        return int(2**self.depth)

    def build(self, in_channels: int, out_channels: int) -> LibraryNetwork:
        """Return the network, its first weights drawn.

        Raises:
            MachineError: MONAI is missing.
        """
        require("monai")
        from monai.networks.nets.unet import UNet

        body = UNet(
            self.dimensions,
            in_channels,
            out_channels,
            channels=[self.width * 2**level for level in range(self.depth + 1)],
            strides=[2] * self.depth,
            num_res_units=self.units,
            norm=self.norm,
            dropout=self.dropout,
        )
        lone = self.norm == "batch"
        return LibraryNetwork(body, in_channels, dimensions=self.dimensions, divisor=self.divisor, lone_voxel=lone)
