"""``gliascope evaluate`` on written label maps: protocols, spacing, patients, and what the terminal says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.cli import main
from gliascope.files import nifti
from gliascope.labels import SCHEMES
from gliascope.metrics import PROTOCOLS
from gliascope.scan import Grid, LabelMap
from gliascope.workflow.train import TrainedRun

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "metrics" / "golden_lesionwise.json").read_text()
)


class Answer(Protocol):
    """See ``conftest``."""

    code: int
    err: str

    @property
    def json(self) -> dict[str, Any]: ...

    @property
    def warnings(self) -> set[str]: ...

    def verify(self, code: int, says: str, names: str = "") -> None: ...


Command = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _without_charts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the page only where what a person sees is tested: a ``command`` answers in JSON."""
    if "command" in request.fixturenames:
        for module in ("evaluate", "evaluate_run"):
            monkeypatch.setattr(f"gliascope.workflow.{module}.evaluation_page", lambda facts, **_: facts["protocol"])


def write(path: Path, boxes: list[list[int]], *, size: int = 40, spacing: float = 1.0, value: int = 3) -> None:
    array = np.zeros((size,) * 3, dtype=np.uint8)
    for a, b, c, d, e, f in boxes:
        array[a:b, c:d, e:f] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = Grid.from_affine(array.shape, np.diag([spacing, spacing, spacing, 1.0]))
    nifti.write_label_map(path, LabelMap(array, SCHEMES["brats2023"], grid))


@pytest.fixture
def cohort(tmp_path: Path) -> tuple[Path, Path]:
    """Four cases: found, missed, invented, rightly empty."""
    box, moved = [[2, 8, 2, 8, 2, 8]], [[3, 9, 2, 8, 2, 8]]
    cases: Mapping[str, tuple[list[list[int]], list[list[int]]]] = {
        **{"found": (moved, box), "missed": ([], box), "invented": (box, []), "empty": ([], [])}
    }
    for case, (prediction, reference) in cases.items():
        write(tmp_path / "p" / f"{case}.nii.gz", prediction, size=12)
        write(tmp_path / "r" / f"{case}.nii.gz", reference, size=12)
    return tmp_path / "p", tmp_path / "r"


def test_golden_vectors_of_brats_2023(command: Command, tmp_path: Path) -> None:
    """The official script's own figures, on NIfTI files, lesion-wise and of the whole region, for every region."""
    for name, vector in GOLDEN.items():
        write(tmp_path / "p" / f"{name}.nii.gz", vector["prediction"])
        write(tmp_path / "r" / f"{name}.nii.gz", vector["reference"])
    answer = command("evaluate", tmp_path / "p", tmp_path / "r", "--protocol", "brats2023")
    assert answer.code == 0
    cases = {case["case"]: case for case in answer.json["cases"]}
    assert cases.keys() == GOLDEN.keys()
    for name, vector in GOLDEN.items():
        for region in ("WT", "TC", "ET"):  # label 3 alone: one mask for all three
            values = cases[name][region]
            assert {key: values[key] for key in vector["expected"]} == pytest.approx(vector["expected"], abs=1e-4)
    assert answer.json["protocol"] == "brats2023"
    assert "W_SCHEME" in answer.warnings


def test_the_help_names_every_protocol() -> None:
    from gliascope.cli.train import evaluate

    option = get_type_hints(evaluate, include_extras=True)["protocol"].__metadata__[0]
    assert option.help == f"How masks are scored: {', '.join(PROTOCOLS)}."


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_says_what_it_is_and_counts_the_empty(
    command: Command, cohort: tuple[Path, Path], protocol: str
) -> None:
    facts = command("evaluate", *cohort, "--protocol", protocol, "--scheme", "brats2023").json
    assert facts["protocol"] == protocol
    assert facts["protocol_facts"]["hausdorff"] == PROTOCOLS[protocol].hausdorff
    assert list(facts["protocol_facts"]["metrics"]) == list(PROTOCOLS[protocol].metrics)
    assert facts["counts"] == {"cases": 4, "both_empty": 3, "missed": 3, "false_positive": 3}
    outcomes = {case["case"]: case["ET"]["outcome"] for case in facts["cases"]}
    assert outcomes == {**{"found": "scored", "missed": "missed", "invented": "false_positive", "empty": "both_empty"}}
    assert set(facts["summary"]["ET"]) > set(PROTOCOLS[protocol].metrics)


def test_infinite_distances_are_counted_and_the_median_tells_of_them(
    command: Command, cohort: tuple[Path, Path]
) -> None:
    facts = command("evaluate", *cohort, "--scheme", "brats2023").json
    hd95 = facts["summary"]["ET"]["hd95"]
    assert (hd95["mean"], hd95["median"], hd95["n"], hd95["infinite"], hd95["missing"]) == (1.0, None, 3, 2, 1)
    dice = facts["summary"]["ET"]["dice"]
    assert (dice["mean"], dice["median"], dice["n"], dice["missing"]) == (pytest.approx(5 / 18), 0.0, 3, 1)
    assert facts["intervals"]["by"] == "case"
    assert dice["ci95"][0] <= dice["mean"] <= dice["ci95"][1]


def test_the_terminal_names_protocol_counts_and_cases(
    capsys: pytest.CaptureFixture[str], cohort: tuple[Path, Path]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", *map(str, cohort), "--scheme", "brats2023", "--tolerance", "2"])
    out = capsys.readouterr().out
    assert "protocol plain" in out
    assert PROTOCOLS["plain"].hausdorff in out
    assert "nsd: within 2 mm" in out
    assert "missed 3: WT of missed, TC of missed, ET of missed" in out
    assert "false positive 3: WT of invented" in out
    assert "both empty 3: WT of empty" in out
    assert "2 infinite, 1 undefined" in out


def test_patients_make_the_intervals_wider(command: Command, tmp_path: Path) -> None:
    for case in range(8):  # the two cases of a patient are alike
        write(tmp_path / "r" / f"c{case}.nii", [[2, 8, 2, 8, 2, 8]], size=12)
        write(tmp_path / "p" / f"c{case}.nii", [[2 + case // 2, 8, 2, 8, 2, 8]], size=12)
    (tmp_path / "who.csv").write_text("case,patient\n" + "".join(f"c{n},p{n // 2}\n" for n in range(8)))
    folders = (tmp_path / "p", tmp_path / "r", "--scheme", "brats2023")
    alone = command("evaluate", *folders)
    together = command("evaluate", *folders, "--patients", tmp_path / "who.csv")
    assert alone.warnings == {"W_NO_PATIENT"}
    assert together.warnings == set()
    assert alone.json["intervals"]["clusters"] == 8
    assert (together.json["intervals"]["clusters"], together.json["intervals"]["by"]) == (4, "patient")
    widths = [np.diff(answer.json["summary"]["ET"]["dice"]["ci95"])[0] for answer in (alone, together)]
    assert widths[1] > 1.2 * widths[0]
    assert [case["patient"] for case in together.json["cases"]][:3] == ["p0", "p0", "p1"]


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("case,patient\nfound,a\nmissed,b\n", "names no patient for 2 cases: empty, invented"),
        ("case,patient\nfound,a\nfound,b\n", "case 'found' belongs to 'a' and to 'b'"),
    ],
)
def test_a_table_of_patients_must_hold_every_case_once(
    command: Command, cohort: tuple[Path, Path], tmp_path: Path, table: str, names: str
) -> None:
    (tmp_path / "who.csv").write_text(table)
    answer = command("evaluate", *cohort, "--scheme", "brats2023", "--patients", tmp_path / "who.csv")
    answer.verify(3, "E_PATIENTS", names)


def test_swapped_folders_are_noticed(command: Command, cohort: tuple[Path, Path]) -> None:
    for case in ("found", "missed"):
        (cohort[0] / case).mkdir()
        (cohort[0] / f"{case}.nii.gz").rename(cohort[0] / case / "mask.nii.gz")
        facts = {"segmentation": {"mask": "mask.nii.gz", "scheme": "brats2023"}}
        (cohort[0] / case / "prediction.json").write_text(json.dumps(facts))
    for case in ("invented", "empty"):
        for folder in cohort:
            (folder / f"{case}.nii.gz").unlink()
    assert "W_SWAPPED" not in command("evaluate", *cohort, "--scheme", "brats2023").warnings
    assert "W_SWAPPED" in command("evaluate", *reversed(cohort), "--scheme", "brats2023").warnings


def test_label_maps_alone_are_no_run(command: Command, cohort: tuple[Path, Path]) -> None:
    command("evaluate", cohort[0]).verify(3, "E_RUN", "is no run folder")


def test_a_run_takes_no_references(command: Command, cohort: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("config.json", "split.csv"):
        (tmp_path / "run" / name).touch()
    command("evaluate", tmp_path / "run", cohort[1]).verify(2, "E_USAGE", "references of its data set")


def picture(path: Path, mask: NDArray[np.bool_]) -> Path:
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def test_pictures_have_no_millimeters_until_told(command: Command, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[20:40, 20:40] = True
    files = picture(tmp_path / "p.png", mask), picture(tmp_path / "r.png", np.roll(mask, 2, axis=1))
    plain = (*files, "--scheme", "lgg")
    without = command("evaluate", *plain)
    values = without.json["cases"][0]["tumor"]
    assert without.warnings == {"W_NO_SPACING"}
    assert values["dice"] == 0.9
    assert values["hd95"] is values["nsd"] is None
    given = command("evaluate", *plain, "--spacing", "0.5,0.5")
    assert given.warnings == set()
    assert given.json["cases"][0]["tumor"]["hd95"] == 1.0
    told = [answer.json["protocol_facts"]["spacing_mm"] for answer in (without, given)]
    assert told == [None, [0.5, 0.5]]
    assert command("evaluate", *plain, "--protocol", "legacy").json["cases"][0]["tumor"]["hd95"] == 2.0
    command("evaluate", *plain, "--protocol", "brats2026").verify(3, "E_SPACING", "r")
    command("evaluate", *files, "--protocol", "brats2023").verify(3, "E_SPACING", "brats2023")
    command("evaluate", *plain, "--spacing", "0.5,0.5,5").verify(3, "E_SPACING", "3 sizes for masks of 2 axes")
    lesions = command("evaluate", *plain, "--protocol", "brats2026", "--spacing", "0.5,0.5")
    assert lesions.json["cases"][0]["tumor"]["true_positives"] == 1


def test_spacing_of_files_that_have_their_own_is_not_used(command: Command, cohort: tuple[Path, Path]) -> None:
    answer = command("evaluate", *cohort, "--scheme", "brats2023", "--spacing", "2,2,2")
    assert "W_SPACING" in answer.warnings
    assert answer.json["summary"]["ET"]["hd95"]["mean"] == 1.0
    assert answer.json["protocol_facts"]["spacing_mm"] is None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--protocol", "brats"), "E_PROTOCOL"),
        (("--protocol", "legacy", "--tolerance", "2"), "E_USAGE"),
        (("--tolerance", "-1"), "E_USAGE"),
        (("--spacing", "0,1"), "E_USAGE"),
        (("--spacing", "0.001,0.001"), "E_SPACING"),
        (("--spacing", "one"), "E_USAGE"),
    ],
)
def test_calls_that_make_no_sense(
    command: Command, cohort: tuple[Path, Path], options: tuple[str, ...], code: str
) -> None:
    command("evaluate", *cohort, *options).verify(2, code)


@pytest.mark.train
def test_protocols_of_the_run_do_not_overwrite_one_another(
    command: Command, segment_run: TrainedRun, tmp_path: Path
) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(segment_run.folder, run)
    for protocol in ("plain", "brats2023"):
        answer = command("evaluate", run, "--split", "validation", "--protocol", protocol)
        assert answer.code == 0, answer.err
    assert (run / "evaluation-validation" / "report.html").exists()
    facts = json.loads((run / "evaluation-validation-brats2023" / "evaluation.json").read_text())
    assert facts["protocol"] == "brats2023"
    assert "lesionwise_dice" in facts["summary"]["WT"]


@pytest.mark.train
def test_a_classifier_has_no_masks(command: Command, classify_run: TrainedRun) -> None:
    for option in (("--protocol", "legacy"), ("--tolerance", "2"), ("--spacing", "1,1")):
        command("evaluate", classify_run.folder, "--split", "validation", *option).verify(2, "E_USAGE", option[0])
