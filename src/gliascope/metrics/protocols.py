"""The table of protocols by name. To add one: a file with its ``Protocol``, a row here, a test of its empty masks."""

from gliascope.errors import UsageError
from gliascope.metrics.legacy import LEGACY
from gliascope.metrics.lesionwise import BRATS2023
from gliascope.metrics.panoptic import BRATS2025, BRATS2026
from gliascope.metrics.plain import PLAIN
from gliascope.metrics.protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol for protocol in (PLAIN, LEGACY, *BRATS2023, BRATS2025, BRATS2026)
}
"""The first is what ``evaluate`` takes unless another is named."""


def protocol_named(name: str) -> Protocol:
    """Return a protocol by name.

    Raises:
        UsageError: No such protocol; the message lists the known ones.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol '{name}'", hint=f"Known: {', '.join(PROTOCOLS)}.", code="E_PROTOCOL")
    return PROTOCOLS[name]
