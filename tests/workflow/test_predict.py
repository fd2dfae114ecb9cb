"""From INPUT to mask and page."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import gliascope
from gliascope.errors import InputError, MachineError, ModelError, UsageError
from gliascope.workflow.batch import partial_error
from gliascope.workflow.check import check
from gliascope.workflow.predict import PredictOptions, predict_batch
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train


def test_study_becomes_mask_page_and_json(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    batch = predict_batch([study], tmp_path / "out", options=PredictOptions(model=segment_run.folder))
    folder = tmp_path / "out" / study.name
    facts = json.loads((folder / "prediction.json").read_text())
    assert batch.done[0] == facts
    assert {"case", "inputs", "task", "models", "segmentation", "warnings", "timing_s", "intended_use"} <= set(facts)
    assert [file["channel"] for file in facts["inputs"]] == ["t1n", "t1c", "t2w", "t2f"]
    assert set(facts["segmentation"]["regions"]) == {"WT", "TC", "ET"}
    assert set(facts["timing_s"]) == {"read", "preprocess", "infer", "postprocess", "write", "total"}
    mask = nib.Nifti1Image.from_filename(folder / "mask.nii.gz")
    image = nib.Nifti1Image.from_filename(next(study.glob("*-t1c.nii.gz")))
    assert mask.shape == image.shape
    np.testing.assert_allclose(mask.affine, image.affine)
    page = (folder / "report.html").read_text()
    assert "Not a medical device" in page
    assert "http://" not in page


def test_python_gives_what_the_folder_holds(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    predict_batch([study], tmp_path / "out", options=PredictOptions(model=segment_run.model))
    written = np.asarray(nib.Nifti1Image.from_filename(tmp_path / "out" / study.name / "mask.nii.gz").dataobj)
    prediction = gliascope.predict(study, model=segment_run.model)
    assert prediction.label_map is not None
    order = prediction.label_map
    np.testing.assert_array_equal(np.sort(written.ravel()), np.sort(order.array.ravel()))
    again = gliascope.predict(prediction.scan, model=segment_run.model)
    assert again.label_map is not None
    np.testing.assert_array_equal(again.label_map.array, order.array)


def test_both_backends_agree(segment_run: TrainedRun, study: Path) -> None:
    results = [
        gliascope.predict(study, model=segment_run.model, backend=b, precision="fp32") for b in ("openvino", "torch")
    ]
    probabilities = [np.asarray(result.probabilities) for result in results]
    assert np.abs(probabilities[0] - probabilities[1]).max() < 2e-3


def test_complete_prediction_is_kept(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    options = PredictOptions(model=segment_run.model)
    predict_batch([study], tmp_path / "out", options=options)
    before = (tmp_path / "out" / study.name / "prediction.json").read_text()
    batch = predict_batch([study], tmp_path / "out", options=options)
    assert (len(batch.done), len(batch.kept)) == (0, 1)
    assert (tmp_path / "out" / study.name / "prediction.json").read_text() == before
    other = PredictOptions(model=segment_run.model, probabilities=True)
    with pytest.raises(UsageError, match="another result"):
        predict_batch([study], tmp_path / "out", options=other)
    batch = predict_batch([study], tmp_path / "out", options=other, overwrite=True)
    assert len(batch.done) == 1
    assert (tmp_path / "out" / study.name / "probability_WT.nii.gz").is_file()


def test_order_of_files_changes_nothing(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    files = {name: next(study.glob(f"*-{name}.nii.gz")) for name in ("t1n", "t1c", "t2w", "t2f")}
    masks: list[bytes] = []
    for number, names in enumerate((("t1n", "t1c", "t2w", "t2f"), ("t2f", "t1n", "t2w", "t1c"))):
        named = {name: files[name] for name in names}
        predict_batch(named, tmp_path / str(number), options=PredictOptions(model=segment_run.model))
        masks.append(next((tmp_path / str(number)).rglob("mask.nii.gz")).read_bytes())
    assert masks[0] == masks[1]


def test_one_bad_case_does_not_stop_the_batch(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    broken = study.with_name("broken")
    shutil.copytree(study, broken)
    for path in broken.glob("*.nii.gz"):
        path.rename(path.with_name(path.name.replace(study.name, "broken")))
    victim = next(broken.glob("*t2w.nii.gz"))
    victim.write_bytes(victim.read_bytes()[:-30])
    batch = predict_batch([study.parent], tmp_path / "out", options=PredictOptions(model=segment_run.model))
    assert study.name in [case["case"] for case in batch.done]
    assert batch.failed[0]["case"] == "broken"
    assert "t2w" in str(partial_error(batch))
    assert partial_error(batch).exit_code == 6
    assert not (tmp_path / "out" / "broken").exists()
    assert "broken" in (tmp_path / "out" / "index.html").read_text()


def test_missing_channel_is_named(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    next(study.glob("*t2f.nii.gz")).unlink()
    with pytest.raises(InputError, match="t2f"):
        predict_batch([study], tmp_path / "out", options=PredictOptions(model=segment_run.model))
    assert not list((tmp_path / "out").iterdir())


def test_pictures_become_classes(classify_run: TrainedRun, tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=64)
    folder = tmp_path / "in" / "Testing" / "glioma"
    options = PredictOptions(model=classify_run.model, stack=False)
    batch = predict_batch([folder], tmp_path / "out", options=options)
    for case in batch.done:
        answer = case["classification"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
        assert (tmp_path / "out" / case["case"] / "report.html").is_file()


def test_output_is_never_in_the_input(segment_run: TrainedRun, study: Path) -> None:
    with pytest.raises(UsageError, match="inside the input"):
        predict_batch([study], study / "out", options=PredictOptions(model=segment_run.model))


def test_output_that_is_a_file(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(MachineError, match="is a file"):
        predict_batch([study], tmp_path / "out", options=PredictOptions(model=segment_run.model))


def test_files_named_by_channel_obey_the_same_rules(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    files = {name: next(study.glob(f"*-{name}.nii.gz")) for name in ("t1n", "t1c", "t2w", "t2f")}
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineError, match="is a file"):
        predict_batch(files, tmp_path / "file", options=PredictOptions(model=segment_run.model))
    with pytest.raises(UsageError, match="--channels does not apply"):
        predict_batch(files, tmp_path / "out", options=PredictOptions(model=segment_run.model, channels=("t1n",)))
    spaced = PredictOptions(model=segment_run.model, spacing_mm=(1.0, 1.0, 5.0))
    batch = predict_batch(files, tmp_path / "out", options=spaced)
    assert "W_SPACING" in {notice.code for notice in batch.notices}


def test_a_finished_batch_reads_the_same_after_an_interruption(classify_run: TrainedRun, tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=64)
    folder = tmp_path / "in" / "Testing"
    options = PredictOptions(model=classify_run.model, stack=False)
    names = [case["case"] for case in predict_batch([folder], tmp_path / "out", options=options).cases]
    assert len(names) > 2
    shutil.rmtree(tmp_path / "out" / names[1])
    batch = predict_batch([folder], tmp_path / "out", options=options)
    assert len(batch.done) == 1
    assert [case["case"] for case in batch.cases] == names
    other = PredictOptions(model=classify_run.model, stack=False, precision="fp32")
    with pytest.raises(UsageError, match="another result") as caught:
        predict_batch([folder], tmp_path / "out", options=other)
    assert caught.value.hint == "Add --overwrite."


def test_overwrite_never_replaces_the_input(segment_run: TrainedRun, study: Path) -> None:
    before = {path: path.read_bytes() for path in study.iterdir()}
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="no earlier result"):
            predict_batch([study], study.parent, options=PredictOptions(model=segment_run.model), overwrite=overwrite)
    assert {path: path.read_bytes() for path in study.iterdir()} == before


def test_model_must_be_named_and_fit_the_task(
    segment_run: TrainedRun, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gliascope.workflow.answering.shipped_models", dict)
        with pytest.raises(ModelError, match="no model was named"):
            gliascope.predict(study)
    with pytest.raises(ModelError, match="not classify"):
        gliascope.predict(study, model=segment_run.model, task="classify")
    with pytest.raises(ModelError, match="is no model"):
        gliascope.predict(study, model=tmp_path)


def test_an_unfinished_run_is_called_so(study: Path, tmp_path: Path) -> None:
    for name in ("config.json", "split.csv"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="has not finished"):
        gliascope.predict(study, model=tmp_path)
    assert "has not finished" in str(check([tmp_path]).checked[0].fault)


def test_names_in_any_script_stay_apart(classify_run: TrainedRun, tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=64)
    pictures = sorted((tmp_path / "in" / "Testing" / "glioma").iterdir())
    folder = tmp_path / "named"
    folder.mkdir()
    for name in ("患者甲", "患者乙"):
        shutil.copy(pictures[0], folder / f"{name}.jpg")
    batch = predict_batch([folder], tmp_path / "out", options=PredictOptions(model=classify_run.model))
    assert {case["case"] for case in batch.done} == {"患者甲", "患者乙"}
    assert all((tmp_path / "out" / case["case"] / "report.html").is_file() for case in batch.done)


def test_missing_input_does_not_stop_the_others(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    options = PredictOptions(model=segment_run.model)
    batch = predict_batch([study, tmp_path / "nowhere"], tmp_path / "out", options=options)
    assert (len(batch.done), len(batch.failed)) == (1, 1)
    assert (tmp_path / "out" / "index.html").is_file()


def test_unknown_model_leaves_nothing(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        predict_batch([study], tmp_path / "out", options=PredictOptions(model=tmp_path / "none"))
    assert not (tmp_path / "out").exists()


def test_incomplete_folder_is_not_kept(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    options = PredictOptions(model=segment_run.model)
    predict_batch([study], tmp_path / "out", options=options)
    (tmp_path / "out" / study.name / "mask.nii.gz").unlink()
    with pytest.raises(UsageError, match="another result"):
        predict_batch([study], tmp_path / "out", options=options)
