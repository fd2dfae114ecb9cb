"""SwinUNETR in 2-D and 3-D, from MONAI: a transformer with shifted windows encodes, convolutions decode.

Source:
    Hatamizadeh 2022, doi:10.1007/978-3-031-08999-2_22.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator

from gliascope.models.library import LibraryNetwork, require
from gliascope.settings import Settings

_STAGES = 4


class SwinUNETRSettings(Settings):
    """A Swin transformer as encoder of a U-Net, five halvings (MONAI).

    Exported forms take one size, that of ``inference.window``; without a window there is no OpenVINO form.
    """

    task: ClassVar[Literal["segment"]] = "segment"
    divisor: ClassVar[int] = 2 ** (_STAGES + 1)
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor`` and larger than it."""

    name: Literal["swin_unetr"] = "swin_unetr"
    dimensions: Literal[2, 3] = 2
    """Voxel axes: 2 for slices and pictures, 3 for volumes."""
    width: PositiveInt = 24
    """Channels of a token of the first stage, a multiple of 12; doubled at every further one."""
    layers: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (2, 2, 2, 2)
    """Transformer layers per stage."""
    heads: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (3, 6, 12, 24)
    """Attention heads per stage."""
    window: PositiveInt = 7
    """Side of the windows within which tokens attend to one another."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of token values and of attention set to zero."""
    drop_path: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Chance of the last layer to be left out for an image; earlier layers in proportion."""
    residual_stages: bool = False
    """Begin every stage with a residual convolution block, as the second version of the network does."""
    checkpointing: bool = False
    """Compute the stages again on the way back rather than keep them: less memory, more time."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % 12:
            raise ValueError(f"width must be a multiple of 12, got {self.width}")
        for stage, heads in enumerate(self.heads):
            if self.width * 2**stage % heads:
                raise ValueError(f"heads[{stage}] ({heads}) must divide the stage's width ({self.width * 2**stage})")
        return self

    def build(self, in_channels: int, out_channels: int) -> LibraryNetwork:
        """Return the network, its first weights drawn.

        Raises:
            MachineError: MONAI or einops is missing.
        """
        require("monai", "einops")
        from monai.networks.nets.swin_unetr import SwinUNETR

        device = torch.get_default_device()
        with torch.device("cpu"):  # it reads values of a tensor while it is built, which a meta tensor has not
            body = SwinUNETR(
                in_channels,
                out_channels,
                depths=self.layers,
                num_heads=self.heads,
                window_size=self.window,
                feature_size=self.width,
                drop_rate=self.dropout,
                attn_drop_rate=self.dropout,
                dropout_path_rate=self.drop_path,
                use_checkpoint=self.checkpointing,
                spatial_dims=self.dimensions,
                use_v2=self.residual_stages,
            ).to(device)
        return LibraryNetwork(body, in_channels, dimensions=self.dimensions, divisor=self.divisor, lone_voxel=False)
