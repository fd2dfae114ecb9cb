"""What about a scan is unlike the training data of the models that are to answer for it."""

from gliascope.errors import Notice
from gliascope.inference.known_inputs import reference_in
from gliascope.inference.likeness import unlike
from gliascope.inference.signature import look_at
from gliascope.scan import Scan
from gliascope.workflow.open_model import AnyPredictor, single_predictors


def unlike_notices(scan: Scan, predictor: AnyPredictor) -> tuple[Notice, ...]:
    """Name what is unlike the training data of any model that answers, and the channels they must do without.

    Models without reference statistics (of older versions) are not asked.

    Raises:
        ModelError: The statistics of a model are damaged.
    """
    notices: list[Notice] = []
    look = None
    for single in single_predictors(predictor):
        name, optional = single.folder.facts.name, single.parts.plan.optional
        reference = reference_in(single.folder)
        if reference is not None:
            look = look_at(scan) if look is None else look
            notices += unlike(look, reference, model=name)
        missing = [channel for channel in optional if channel not in scan.channels]
        if missing:
            text = f"{name} also reads {', '.join(missing)}, and goes without: expect a weaker answer."
            notices.append(Notice("W_CHANNEL_MISSING", "", text))
    return tuple(dict.fromkeys(notices))
