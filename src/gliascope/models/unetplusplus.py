"""U-Net++ in 2-D and 3-D, from MONAI: every encoder level reaches the decoder through a chain of convolutions.

Source:
    Zhou 2018, doi:10.1007/978-3-030-00889-5_1.
"""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import nn

from gliascope.models.library import LibraryNetwork, require
from gliascope.settings import Settings

_HALVINGS = 4


class UNetPlusPlusSettings(Settings):
    """A U-Net with nested, densely joined skips and four halvings (MONAI); the deepest decoder answers."""

    task: ClassVar[Literal["segment"]] = "segment"
    divisor: ClassVar[int] = 2**_HALVINGS
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["unetplusplus"] = "unetplusplus"
    dimensions: Literal[2, 3] = 2
    """Voxel axes: 2 for slices and pictures, 3 for volumes."""
    width: PositiveInt = 32
    """Channels of the first level; doubled at every further one."""
    up: Literal["transposed", "linear"] = "transposed"
    """Doubling of the size: a transposed convolution, or bilinear (trilinear) interpolation behind a 1x1 one."""
    norm: Literal["batch", "instance"] = "instance"
    """Normalization after every convolution."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share set to zero after every normalization."""

    def build(self, in_channels: int, out_channels: int) -> LibraryNetwork:
        """Return the network, its first weights drawn.

        Raises:
            MachineError: MONAI is missing.
        """
        require("monai")
        from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus

        body = BasicUNetPlusPlus(
            self.dimensions,
            in_channels,
            out_channels,
            features=(*(self.width * 2**level for level in range(_HALVINGS + 1)), self.width),
            norm=self.norm if self.norm == "batch" else (self.norm, {"affine": True}),
            dropout=self.dropout,
            upsample="deconv" if self.up == "transposed" else "nontrainable",
        )
        for shallower in range(1, _HALVINGS):  # their answers count in deep supervision alone
            setattr(body, f"final_conv_0_{shallower}", nn.Identity())
        lone = self.norm == "batch"
        return LibraryNetwork(body, in_channels, dimensions=self.dimensions, divisor=self.divisor, lone_voxel=lone)
