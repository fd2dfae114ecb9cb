"""Commands run in this process, their answer as JSON, and the stated outcome of a row of the fault matrix."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from gliascope.cli import main


@dataclass(frozen=True)
class Answer:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self.out)
        return tree

    @property
    def warnings(self) -> set[str]:
        return {warning["code"] for warning in self.json.get("warnings", ())}

    @property
    def errors(self) -> list[dict[str, str]]:
        """The error that ended the command, else those that ``check`` or ``predict`` lists."""
        tree = self.json
        listed = tree.get("failed") or [item["error"] for item in tree.get("checked", ()) if item["error"]]
        return [tree["error"]] if "error" in tree else listed

    def verify(self, code: int, says: str, names: str = "") -> None:
        """Compare with a row: exit code, code of the error or warning (empty: none), and what is named."""
        assert self.code == code, self.out
        if code == 0:
            assert self.warnings == ({says} if says else set())
            assert self.err.count("warning: ") == self.err.count("\n") == self.err.count(f"[{says}]")
            return
        assert self.errors
        for error in self.errors:
            assert error["code"] == says, error
            assert names in error["file"] + error["cause"]
            assert error["cause"]
            assert error["hint"].endswith((".", "?")), error


class Command(Protocol):
    """Runs one command with ``--json -`` in this process."""

    def __call__(self, *arguments: object) -> Answer:
        """Return what it left behind."""


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Answer:
        with pytest.raises(SystemExit) as leave:
            main([*map(str, arguments), "--json", "-"])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Answer(int(leave.value.code or 0), captured.out, captured.err)

    return run
