"""What the networks of other libraries share: is the library there, which first weights, does the input fit.

The libraries are imported where a network is built; MONAI alone takes seconds.
"""

from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator
from torch import Tensor, nn

from gliascope.errors import GeometryError, MachineError
from gliascope.models.layers import check_input_shape


def _known_source(value: str) -> str:
    if value not in ("none", "imagenet") and not value.endswith(".safetensors"):
        raise ValueError("pretrained is 'none', 'imagenet' or a file that ends in .safetensors")
    return value


Pretrained = Annotated[str, AfterValidator(_known_source)]
"""Where first weights come from: ``none`` (drawn), ``imagenet`` (downloaded), or a safetensors file."""


def require(*packages: str) -> None:
    """Check that the libraries a network is made of are installed.

    Raises:
        MachineError: One is missing; the hint is the command that installs them all.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        cause = f"this network needs {' and '.join(missing)}: not installed here"
        raise MachineError(cause, hint='Run: pip install "gliascope[train]".', code="E_EXTRA")


class LibraryNetwork(nn.Module):
    """Logits ``(B, K, *S)`` from a library's network, for inputs that it can halve often enough.

    Args:
        body: Returns logits, or a list whose last entry they are.
        in_channels: C.
        dimensions: Number of voxel axes.
        divisor: Every axis of ``S`` must be a multiple of it.
        lone_voxel: Whether the coarsest level may be one voxel; normalization over single images needs two.
    """

    def __init__(
        self, body: nn.Module, in_channels: int, *, dimensions: int, divisor: int, lone_voxel: bool = True
    ) -> None:
        super().__init__()
        self.body = body
        self.in_channels = in_channels
        self.dimensions = dimensions
        self.divisor = divisor
        self.lone_voxel = lone_voxel

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        size = tuple(image.shape[2:])
        check_input_shape(
            tuple(image.shape), channels=self.in_channels, dimensions=self.dimensions, divisor=self.divisor
        )
        if not self.lone_voxel and all(length == self.divisor for length in size):
            cause = (
                f"size {'x'.join(map(str, size))} leaves one voxel at the coarsest level, which cannot be normalized"
            )
            works = "x".join(str(2 * self.divisor) for _ in size)
            raise GeometryError(cause, hint=f"Pad, crop or resize to {works} or more.", code="E_NETWORK_INPUT")
        output: Tensor | list[Tensor] = self.body(image)
        return output[-1] if isinstance(output, list) else output
