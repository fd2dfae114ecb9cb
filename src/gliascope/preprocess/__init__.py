"""From a scan to a network's input and back: plans of ordered steps, targets, slices and the cache of prepared cases.

``plan.py`` first; ``step.py`` tells how to add a step.
"""

from gliascope.preprocess.cache import CacheEntry, build_cache
from gliascope.preprocess.head import head_mask
from gliascope.preprocess.plan import Plan, Prepared, Step, Trace
from gliascope.preprocess.slices import SliceSettings, select_slices
from gliascope.preprocess.targets import TargetSettings

__all__ = [
    "CacheEntry",
    "Plan",
    "Prepared",
    "SliceSettings",
    "Step",
    "TargetSettings",
    "Trace",
    "build_cache",
    "head_mask",
    "select_slices",
]
