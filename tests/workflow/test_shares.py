"""Pictures in shares: the same answers as in one process, and nothing is lost when a process ends early."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from gliascope.case import Case, NiftiFiles, Picture
from gliascope.checkpoint import ModelFolder
from gliascope.errors import UsageError
from gliascope.workflow import shares
from gliascope.workflow.predict import PredictOptions, predict_batch
from gliascope.workflow.predict_stages import Done
from gliascope.workflow.shares import FEWEST, Call, Shares, shares_of

NAMES = "abcdef"
PICTURES = len(NAMES)


@pytest.fixture(scope="module")
def classifier(make_model: Callable[..., ModelFolder]) -> Path:
    plan = {"channels": ["gray"], "steps": [{"name": "fixed_range"}]}
    classes = ("glioma", "meningioma", "pituitary", "no_tumor")
    facts = {"task": "classify", "target": None, "classes": classes, "outputs": 4}
    return make_model(name="small", dimensions=2, channels=("gray",), plan=plan, **facts).path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of pictures, the last one damaged."""
    root = tmp_path / "pictures"
    root.mkdir()
    for number, name in enumerate(NAMES):
        array = np.full((48, 40), 20 + 30 * number, np.uint8)
        array[10:20, 10:20] = 240
        Image.fromarray(array).save(root / f"{name}.png")
    damaged = root / "z.png"
    damaged.write_bytes((root / "a.png").read_bytes()[:60])
    return root


@pytest.fixture
def two_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "FEWEST", PICTURES // 2)


def call(folder: Path, output: Path, model: Path) -> Call:
    return Call((str(folder),), str(output), PredictOptions(model=model, threads=2), overwrite=False)


def lasting(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what must not depend on how the work was divided."""
    return {name: value for name, value in facts.items() if name not in ("created", "timing_s")}


@pytest.mark.usefixtures("two_shares")
def test_shares_answer_like_one_process(
    classifier: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = PredictOptions(model=classifier, threads=2, spacing_mm=(1.0, 1.0))
    told: list[int] = []
    shared = predict_batch(
        [folder], tmp_path / "shared", options=options, progress=lambda _stage, done, _total: told.append(done)
    )
    assert told == list(range(PICTURES + 2))
    again = predict_batch([folder], tmp_path / "shared", options=options)
    monkeypatch.setattr(shares, "FEWEST", FEWEST)
    alone = predict_batch([folder], tmp_path / "alone", options=options)
    assert [lasting(facts) for facts in shared.cases] == [lasting(facts) for facts in alone.cases]
    assert [failure["code"] for failure in shared.failed] == [failure["code"] for failure in alone.failed]
    assert len(shared.failed) == 1
    assert shared.notices == alone.notices == ()
    assert (len(again.done), len(again.kept), len(again.failed)) == (0, PICTURES, 1)
    names = {path.relative_to(tmp_path / "shared") for path in (tmp_path / "shared").rglob("*")}
    assert names == {path.relative_to(tmp_path / "alone") for path in (tmp_path / "alone").rglob("*")}


@pytest.mark.usefixtures("two_shares")
def test_what_stands_in_the_way_is_said_as_in_one_process(classifier: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_batch([folder], out, options=PredictOptions(model=classifier, threads=2))
    other = PredictOptions(model=classifier, threads=2, gate=False)
    (folder / "z.png").unlink()
    with pytest.raises(UsageError, match="another result"):
        predict_batch([folder], out, options=other)
    replaced = predict_batch([folder], out, options=other, overwrite=True)
    assert (len(replaced.done), len(replaced.failed)) == (PICTURES, 0)


@pytest.mark.usefixtures("two_shares")
def test_what_a_process_leaves_is_done_here(
    classifier: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Call, "as_line", lambda _: "this is no call\n")
    batch = predict_batch([folder], tmp_path / "out", options=PredictOptions(model=classifier, threads=2))
    assert (len(batch.done), len(batch.failed)) == (PICTURES, 1)
    assert {notice.code for notice in batch.notices} == {"W_PROCESS"}
    assert "exit code 1" in batch.notices[0].text


def test_leaving_early_ends_the_processes(classifier: Path, folder: Path, tmp_path: Path) -> None:
    results = Shares(call(folder, tmp_path / "out", classifier), 2).results()
    assert isinstance(next(results), Done)
    results.close()
    mine = psutil.Process().children()
    assert not [child for child in mine if "gliascope.workflow.share_process" in " ".join(child.cmdline())]
    written = [path for path in (tmp_path / "out").iterdir() if not (path / "prediction.json").is_file()]
    assert not written, "no half-written folder stays"


def test_a_call_survives_its_line(tmp_path: Path) -> None:
    options = PredictOptions(model=tmp_path / "ä", channels=("t1c",), spacing_mm=(1.0, 2.0), threads=5)
    whole = Call((str(tmp_path),), str(tmp_path / "out"), options, overwrite=True)
    for number, part in enumerate(whole.split(2)):
        line = part.as_line()
        assert line.endswith("\n")
        assert line.count("\n") == 1
        back = Call.of_line(line)
        assert (back.number, back.of, back.overwrite, back.inputs) == (number, 2, True, whole.inputs)
        assert back.options.lasting() == options.lasting()
        assert (back.options.model, back.options.threads) == (str(tmp_path / "ä"), 2)
        assert json.loads(line)["options"]["stack"] is True


@pytest.mark.parametrize(
    ("pictures", "threads", "device", "number"),
    [
        (FEWEST, 4, "cpu", 1),
        (2 * FEWEST - 1, 4, "cpu", 1),
        (2 * FEWEST, 4, "cpu", 2),
        (40 * FEWEST, 4, "cpu", 4),
        (40 * FEWEST, 1, "cpu", 1),
        (40 * FEWEST, 4, "cuda", 1),
        (0, 4, "cpu", 1),
    ],
)
def test_how_many_shares(
    pictures: int, threads: int, device: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = type("Memory", (), {"available": 64 * 2**30})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    work = [(Case(str(n), Picture(tmp_path / "a.png")), tmp_path) for n in range(pictures)]
    options = PredictOptions(threads=threads, device=device)
    assert shares_of(work, options) == number
    if number > 1:
        volume = (Case("v", NiftiFiles({"t1n": tmp_path / "a.nii"})), tmp_path)
        assert shares_of([*work, volume], options) == 1
        memory.available = shares.BYTES_EACH  # type: ignore[attr-defined]
        assert shares_of(work, options) == 1
