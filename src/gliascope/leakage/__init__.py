"""Which cases of data sets are copies of one another, though split, file or framing differ."""

from gliascope.leakage.copies import Copy, CopyKind, find_copies
from gliascope.leakage.fingerprint import Fingerprint, fingerprint, fingerprint_all

__all__ = ["Copy", "CopyKind", "Fingerprint", "find_copies", "fingerprint", "fingerprint_all"]
