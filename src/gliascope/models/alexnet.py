"""AlexNet for 128 x 128 pictures: five convolutions and four linear layers, no normalization, no dropout.

Source:
    Krizhevsky 2012, doi:10.1145/3065386, in the sizes of github.com/marcotallone/deep-learning-project (MIT),
    re-implemented from its description.
"""

from typing import ClassVar, Literal

from torch import Tensor, nn

from gliascope.models.layers import ACTIVATIONS, Activation, Initializer, check_picture_shape, initialize
from gliascope.settings import Settings

_SIZE = 128


class AlexNetSettings(Settings):
    """AlexNet with a first kernel of nine pixels, for pictures of 128 x 128."""

    task: ClassVar[Literal["classify"]] = "classify"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 1
    input_size: ClassVar[tuple[int, ...] | None] = (_SIZE, _SIZE)
    """The only size it takes: the linear layers count the positions."""

    name: Literal["alexnet"] = "alexnet"
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""

    def build(self, in_channels: int, out_channels: int) -> "AlexNet":
        """Return the network, its first weights drawn; ``out_channels`` is the number of classes."""
        return AlexNet(self, in_channels, out_channels)


class AlexNet(nn.Module):
    """Logits ``(B, K)`` from pictures ``(B, C, 128, 128)``.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K, the number of classes.
    """

    divisor = 1

    def __init__(self, settings: AlexNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        activation = ACTIVATIONS[settings.activation]
        self.features = nn.Sequential(
            *(nn.Conv2d(in_channels, 96, 9, stride=4), activation(), nn.MaxPool2d(2)),
            *(nn.Conv2d(96, 256, 5), activation(), nn.MaxPool2d(2)),
            *(nn.Conv2d(256, 384, 3, padding=1), activation()),
            *(nn.Conv2d(384, 384, 3, padding=1), activation()),
            *(nn.Conv2d(384, 256, 3, padding=1), activation(), nn.MaxPool2d(2)),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(1024, 512), activation()),
            *(nn.Linear(512, 512), activation()),
            *(nn.Linear(512, 128), activation()),
            nn.Linear(128, out_channels),
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
