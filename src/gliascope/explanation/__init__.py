"""Looking inside a trained network: its first filters, where it attends, which places speak for a class.

Read ``insides.look_inside`` first: it asks each of the other files for what the network has, and says why where there
is nothing. Everything is measured on one prepared image; ``workflow.explain`` leads it back to the scan. To add a kind
of picture, write a file beside the others and call it there.
"""

from gliascope.explanation.filters import Filters
from gliascope.explanation.insides import Insides, PlaceMap, look_inside

__all__ = ["Filters", "Insides", "PlaceMap", "look_inside"]
