"""Training keeps what its inputs look like, and prediction compares with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gliascope.case import Case
from gliascope.checkpoint import ModelFolder, load_model
from gliascope.errors import ModelError
from gliascope.inference.known_inputs import reference_in
from gliascope.inference.predictor import Predictor
from gliascope.labels import LabelScheme
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow.input_statistics import MOST_CASES, input_statistics
from gliascope.workflow.train import TrainedRun
from gliascope.workflow.unlike_input import unlike_notices

Make = Callable[..., ModelFolder]


@dataclass(frozen=True)
class Invented:
    """A source of noise in a box; ``value`` is written into a corner so that reads can be told apart."""

    value: float
    read_log: list[float]

    @property
    def files(self) -> Mapping[str, Path]:
        return {}

    @property
    def reference_files(self) -> tuple[Path, ...]:
        return ()

    def read(self) -> Scan:
        self.read_log.append(self.value)
        array = np.zeros((1, 40, 40, 12), np.float32)
        box = np.random.default_rng(int(self.value)).normal(300, 40, (24, 24, 12))
        array[0, 8:32, 8:32] = np.maximum(box, 1)
        return Scan(array, ("t2f",), Grid.from_affine((40, 40, 12), np.diag([3.0, 3.0, 3.0, 1.0])))

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool) -> LabelMap | None:
        del scheme, named_by_user
        return None


def cases(number: int, log: list[float], *, patients: int = 0, dataset: str = "") -> list[Case]:
    facts = {"dataset": dataset} if dataset else {}
    return [
        Case(f"{dataset}{n:04d}", Invented(n, log), patient=f"p{n % patients}" if patients else None, facts=facts)
        for n in range(number)
    ]


def test_a_few_cases_stand_for_many() -> None:
    log: list[float] = []
    found = input_statistics(cases(500, log))
    assert (found["cases"], len(log)) == (MOST_CASES, MOST_CASES)
    assert max(log) > 450, "from the whole of the set"


def test_every_patient_comes_before_a_second_picture_of_one() -> None:
    log: list[float] = []
    input_statistics(cases(100, log, patients=20))
    assert set(range(20)) <= set(log)


def test_members_of_a_union_count_alike_and_invented_heads_do_not() -> None:
    log: list[float] = []
    few, many, phantoms = cases(5, log, dataset="a"), cases(400, log, dataset="b"), cases(50, log, dataset="phantom")
    found = input_statistics([*few, *many, *phantoms])
    assert found["cases"] == MOST_CASES
    assert set(range(5)) <= set(log), "all of the small one"
    log.clear()
    assert input_statistics(phantoms)["cases"] == 48


def test_prediction_asks_each_model_once_about_the_scan(make_model: Make) -> None:
    log: list[float] = []
    inputs = input_statistics(cases(24, log))
    assert set(inputs["heads"]) == {"stripped"}
    model = Predictor(make_model(3, statistics={"inputs": inputs}))
    like = Invented(77, log).read()
    assert unlike_notices(like, model) == ()
    coarse = Scan(like.array, like.channels, Grid.from_affine(like.grid.shape, np.diag([3.0, 3.0, 9.0, 1.0])))
    (notice,) = unlike_notices(coarse, model)
    assert notice.code == "W_OTHER_SPACING"
    assert "threshold" in notice.text


def test_older_models_without_statistics_are_not_asked(make_model: Make) -> None:
    model = Predictor(make_model(3))
    assert reference_in(model.folder) is None
    assert unlike_notices(Invented(1, []).read(), model) == ()


def test_damaged_statistics_are_refused(make_model: Make) -> None:
    model = make_model(3, statistics={"inputs": {"cases": "many"}})
    with pytest.raises(ModelError, match=r"statistics\.inputs\.") as told:
        reference_in(model)
    assert told.value.code == "E_MODEL_JSON"


def test_channels_that_a_model_goes_without_are_named(make_model: Make) -> None:
    facts = {"channels": ("t1c", "t2f"), "plan": {"channels": ["t1c", "t2f"], "optional": ["t1c", "t2f"]}}
    (notice,) = unlike_notices(Invented(1, []).read(), Predictor(make_model(3, **facts)))
    assert notice.code == "W_CHANNEL_MISSING"
    assert "also reads t1c, and goes without" in notice.text


@pytest.mark.train
def test_training_keeps_what_its_inputs_look_like(segment_run: TrainedRun) -> None:
    reference = reference_in(load_model(segment_run.model))
    assert reference is not None
    assert reference.cases == segment_run.facts["cases"]["train"]
    assert reference.kinds == {"volume": reference.cases}
