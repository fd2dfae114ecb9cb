"""Which cases of data sets are copies of one another, though split, file or framing differ."""

from gliascope.leakage.copies import SEARCH_VERSION, Copy, CopyKind, find_copies
from gliascope.leakage.fingerprint import Fingerprint, fingerprint, fingerprint_all

__all__ = ["SEARCH_VERSION", "Copy", "CopyKind", "Fingerprint", "find_copies", "fingerprint", "fingerprint_all"]
