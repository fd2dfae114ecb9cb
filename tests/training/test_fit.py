"""A training is the same however often it is interrupted, leaves nothing unsafe behind, and stops with a cause."""

import csv
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from gliascope.errors import ConfigError, GliascopeError, InputError, MachineError, UsageError
from gliascope.models import UNetSettings, build_network
from gliascope.training.fit import FitResult, Preflight, best_weights
from gliascope.training.guards import locked

pytestmark = pytest.mark.train


Run = Callable[..., FitResult]


class Killed(BaseException):
    """Stands for the end of a process within an epoch."""


def fingerprint(run: Path) -> dict[str, str]:
    """Every tensor a training keeps, weights and optimizer state, as hashes by file name."""
    files = sorted((run / "checkpoints").glob("*.safetensors"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def curves(run: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def kill_after(steps: int) -> Callable[[str, int, int], None]:
    def tell(stage: str, done: int, total: int) -> None:
        if done == steps:
            raise Killed

    return tell


@pytest.fixture
def straight(train_tiny: Run, tmp_path: Path) -> dict[str, str]:
    """Four epochs in one go (three steps each)."""
    train_tiny("straight", epochs=4)
    return fingerprint(tmp_path / "straight")


def test_two_epochs_and_two_more_equal_four(train_tiny: Run, tmp_path: Path, straight: dict[str, str]) -> None:
    train_tiny("halves", epochs=2)
    result = train_tiny("halves", epochs=4, resume=True)
    assert fingerprint(tmp_path / "halves") == straight
    assert curves(tmp_path / "halves") == curves(tmp_path / "straight")
    assert result.epochs == 4


@pytest.mark.parametrize(("steps", "workers"), [(8, 0), (7, 2)])
def test_a_kill_within_an_epoch_loses_that_epoch_only(
    train_tiny: Run,
    tmp_path: Path,
    straight: dict[str, str],
    steps: int,
    workers: int,
) -> None:
    with pytest.raises(Killed):
        train_tiny("killed", epochs=4, progress=kill_after(steps), workers=workers)
    assert (tmp_path / "killed" / "checkpoints" / "last-00002.json").is_file()
    train_tiny("killed", epochs=4, resume=True, workers=workers)
    assert fingerprint(tmp_path / "killed") == straight
    assert curves(tmp_path / "killed") == curves(tmp_path / "straight")


def test_a_torn_last_checkpoint_gives_way_to_the_one_before(
    train_tiny: Run,
    tmp_path: Path,
    straight: dict[str, str],
) -> None:
    train_tiny("torn", epochs=3)
    path = tmp_path / "torn" / "checkpoints" / "last-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    result = train_tiny("torn", epochs=4, resume=True)
    assert [notice.code for notice in result.notices] == ["W_CHECKPOINT"]
    assert fingerprint(tmp_path / "torn") == straight


def test_the_seed_matters(train_tiny: Run, tmp_path: Path) -> None:
    train_tiny("one", epochs=1, seed=1)
    train_tiny("two", epochs=1, seed=2)
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "two")


def test_the_run_folder_holds_what_is_promised_and_no_pickle(
    train_tiny: Run,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    unpickled: list[object] = []
    listening = [True]
    sys.addaudithook(lambda event, args: unpickled.append(args) if event == "pickle.find_class" and listening else None)
    result = train_tiny(epochs=1)
    train_tiny(epochs=2, resume=True)
    listening.clear()
    assert unpickled == []
    run = tmp_path / "run"
    assert {path.suffix for path in (run / "checkpoints").iterdir()} == {".safetensors", ".json"}
    assert sorted(path.name for path in run.iterdir()) == [".lock", "checkpoints", "metrics.csv", "tensorboard"]
    heads = [path.read_bytes()[:2] for path in run.rglob("*") if path.is_file()]
    assert not any(head in (b"PK", b"\x80\x02", b"\x80\x04") for head in heads), "zip or pickle"
    assert list(run.glob("tensorboard/events*"))
    assert list(curves(run)[0]) == ["epoch", "lr", "train_loss", "val_loss", "dice_tumor", "dice_mean"]
    assert result.parameters == 463
    assert capfd.readouterr() == ("", "")


def test_best_weights_are_those_of_the_best_epoch(train_tiny: Run, tmp_path: Path) -> None:
    result = train_tiny(epochs=3, monitor="val_loss")
    assert result.metrics["val_loss"] == min(row["val_loss"] or 0.0 for row in result.history)
    network = build_network(UNetSettings(width=2, depth=1, dropout=0.2), 1, 1, seed=9)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in best_weights(tmp_path / "run").items()})
    assert best_weights(tmp_path / "run")["head.weight"].dtype == np.float32


def test_stops_early_and_stays_stopped(train_tiny: Run) -> None:
    stopping = {"patience": 2, "least_gain": 1.0}
    result = train_tiny(epochs=9, early_stopping=stopping)
    assert (result.epochs, result.best_epoch, result.stopped_early) == (3, 1, True)
    again = train_tiny(epochs=9, early_stopping=stopping, resume=True)
    assert again.history == result.history
    assert again.preflight is None


def test_resume_refuses_other_settings_and_names_them(train_tiny: Run) -> None:
    train_tiny(epochs=1)
    with pytest.raises(UsageError, match="holds a training already"):
        train_tiny(epochs=1)
    with pytest.raises(ConfigError, match=r"settings\.batch_size, settings\.optimizer\.lr") as caught:
        train_tiny(epochs=2, resume=True, batch_size=2, optimizer={"name": "adam", "lr": 0.1})
    assert caught.value.code == "E_CHANGED"


def test_divergence_stops_with_a_cause_and_keeps_the_last_good_epoch(train_tiny: Run, tmp_path: Path) -> None:
    with pytest.raises(GliascopeError) as caught:
        train_tiny(epochs=6, optimizer={"name": "adam", "lr": 1e38}, augment={})
    assert caught.value.code == "E_DIVERGED"
    assert "training.optimizer.lr" in str(caught.value)


def test_a_sample_that_is_no_number_is_named(train_tiny: Run) -> None:
    with pytest.raises(InputError, match="case1 hold values") as caught:
        train_tiny(fills=(0.0, float("nan")), batch_size=2)
    assert caught.value.code == "E_NAN"
    assert "case0" not in str(caught.value)


def test_ctrl_c_leaves_as_keyboard_interrupt_with_the_handler_in_place(train_tiny: Run, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(epochs=3, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert (tmp_path / "run" / "checkpoints" / "last-00001.json").is_file()


def test_sigterm_ends_with_its_exit_code_and_the_last_epoch_on_disk(train_tiny: Run, tmp_path: Path) -> None:
    def terminate(stage: str, done: int, total: int) -> None:
        if done == 4:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        train_tiny(epochs=3, progress=terminate)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert (tmp_path / "run" / "checkpoints" / "last-00001.json").is_file()


def test_a_dead_reader_is_named_in_seconds(train_tiny: Run) -> None:
    def strike(stage: str, done: int, total: int) -> None:
        if done == 2:
            for child in psutil.Process().children():
                child.kill()

    with pytest.raises(MachineError, match="process that reads data has ended") as caught:
        train_tiny(epochs=3, workers=1, progress=strike)
    assert caught.value.code == "E_WORKER"


def test_a_second_process_is_refused(train_tiny: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run"), pytest.raises(MachineError, match=rf"in use by process {os.getpid()}") as caught:
        train_tiny()
    assert caught.value.code == "E_LOCKED"
    train_tiny(epochs=1)


def test_what_cannot_fit_is_refused_before_the_first_step(train_tiny: Run, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"needs about \d+ MiB.* Try a smaller training.batch_size") as caught:
        train_tiny(memory_limit=1000)
    assert caught.value.code == "E_MEMORY"
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_progress_epochs_and_needs_are_told(train_tiny: Run) -> None:
    steps: list[tuple[str, int, int]] = []
    rows: list[float | None] = []
    needs: list[Preflight] = []
    train_tiny(
        progress=lambda *step: steps.append(step),
        epoch_done=lambda row: rows.append(row["epoch"]),
        announce=needs.append,
    )
    assert steps == [("train", done, 6) for done in range(1, 7)]
    assert rows == [1, 2]
    assert needs[0].batch == (3, 1, 8, 8)
    assert needs[0].steps == 3
    assert 0 < needs[0].memory < needs[0].memory_free
    assert needs[0].total_s == pytest.approx(2 * needs[0].epoch_s)


def test_a_set_enlarged_once_resumes_as_any_other(train_tiny: Run, tmp_path: Path) -> None:
    twice = {"sampling": {"repeat_augmented": 2}}
    train_tiny("straight", **twice)
    train_tiny("halves", epochs=1, **twice)
    result = train_tiny("halves", resume=True, **twice)
    assert fingerprint(tmp_path / "halves") == fingerprint(tmp_path / "straight")
    assert result.preflight is not None
    assert result.preflight.steps == 6, "16 items instead of 8, three at a time"
