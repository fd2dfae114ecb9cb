"""VGG16 for 128 x 128 pictures: thirteen convolutions in five groups and three linear layers.

Source:
    Simonyan 2015, arXiv:1409.1556, in the sizes of github.com/marcotallone/deep-learning-project (MIT), re-implemented
    from its description.
"""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from gliascope.models.layers import ACTIVATIONS, Activation, Initializer, check_picture_shape, initialize
from gliascope.settings import Settings

_SIZE = 128
_GROUPS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Channels in multiples of ``width``, and convolutions, of each group; a pooling follows each."""


class VGG16Settings(Settings):
    """VGG16 without normalization, for pictures of 128 x 128."""

    task: ClassVar[Literal["classify"]] = "classify"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 1
    input_size: ClassVar[tuple[int, ...] | None] = (_SIZE, _SIZE)
    """The only size it takes: the linear layers count the positions."""

    name: Literal["vgg16"] = "vgg16"
    width: PositiveInt = 64
    """Channels of the first group; the others have 2, 4, 8 and 8 times as many."""
    hidden: PositiveInt = 4096
    """Neurons of each of the two hidden linear layers."""
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Share of values set to zero behind each hidden linear layer."""
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""

    def build(self, in_channels: int, out_channels: int) -> "VGG16":
        """Return the network, its first weights drawn; ``out_channels`` is the number of classes."""
        return VGG16(self, in_channels, out_channels)


class VGG16(nn.Module):
    """Logits ``(B, K)`` from pictures ``(B, C, 128, 128)``.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K, the number of classes.
    """

    divisor = 1

    def __init__(self, settings: VGG16Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        activation = ACTIVATIONS[settings.activation]
        layers: list[nn.Module] = []
        source = in_channels
        for factor, convs in _GROUPS:
            for _ in range(convs):
                layers += [nn.Conv2d(source, settings.width * factor, 3, padding=1), activation()]
                source = settings.width * factor
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        side = _SIZE // 2 ** len(_GROUPS)
        self.head = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(source * side**2, settings.hidden), activation(), nn.Dropout(settings.dropout)),
            *(nn.Linear(settings.hidden, settings.hidden), activation(), nn.Dropout(settings.dropout)),
            nn.Linear(settings.hidden, out_channels),
        )
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The pictures do not have the one size and number of channels it takes.
        """
        check_picture_shape(tuple(image.shape), channels=self.in_channels, size=(_SIZE, _SIZE))
        logits: Tensor = self.head(self.features(image))
        return logits
