"""Facts in, one self-contained HTML page out: no network, no outside files, nothing unescaped.

To add a page, write ``<name>_page.py`` beside the others and a template for what is new in it.
"""

from gliascope.report.audit_page import audit_page
from gliascope.report.evaluation_page import EvaluationFacts, evaluation_page
from gliascope.report.explore_page import ExploreFacts, explore_page
from gliascope.report.index_page import IndexFacts, IndexItem, IndexSection, index_page
from gliascope.report.prediction_page import PredictionFacts, prediction_page
from gliascope.report.run_page import RunFacts, run_page
from gliascope.report.tiles import Tile, tile

__all__ = [
    "EvaluationFacts",
    "ExploreFacts",
    "IndexFacts",
    "IndexItem",
    "IndexSection",
    "PredictionFacts",
    "RunFacts",
    "Tile",
    "audit_page",
    "evaluation_page",
    "explore_page",
    "index_page",
    "prediction_page",
    "run_page",
    "tile",
]
