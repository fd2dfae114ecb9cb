"""A reproduction as rows of words, one per figure; for the page, and as a table in Markdown for the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gliascope.errors import counted
from gliascope.report import wording
from gliascope.report.metric_words import MetricWords

SOURCES: Mapping[str, str] = {
    "s0": "S0: Corsico",
    "s1": "S1: Roman, Tortorella",
    "s2": "S2: Lusardi, Tallone, Zappi",
    "s3": "S3: Pukancik",
    "s4": "S4: Yildiz, Cakir, Kizilisik",
    "gliascope": "Gliascope",
}

DISTANCES = ("hd", "hd95", "assd")

HOW_TO_READ = (
    "Reached: the source's figure lies inside our 95 % interval or below our figure (of distances: above); over folds, "
    "inside mean ± standard deviation. Honest split: the same recipe where no patient, or no copy of an image, stands "
    "on two sides. Time: training epochs alone."
)


@dataclass(frozen=True)
class ReproducedRow:
    """One figure of one system, in words; ``reached`` is None where nothing is compared."""

    system: str
    figure: str
    theirs: str
    ours: str
    reached: bool | None
    by_patient: str
    reached_by_patient: bool | None
    note: str

    @property
    def verdict(self) -> str:
        """``yes``, ``no``, or a dash."""
        return wording.MISSING if self.reached is None else "yes" if self.reached else "no"


def reproduced_rows(system: Mapping[str, Any]) -> list[ReproducedRow]:
    """Return the rows of one system."""
    rows = []
    for own in system["figures"]:
        theirs = own["theirs"]
        rows.append(
            ReproducedRow(
                system["name"],
                figure_words(own),
                wording.MISSING if theirs is None else _spread(theirs["value"], theirs["sd"], own["metric"]),
                our_words(own["ours"]["source"], own["metric"]),
                own["reached"]["source"],
                our_words(own["ours"]["patient"], own["metric"]),
                own["reached"]["patient"],
                own["note"],
            )
        )
    return rows


def figure_words(own: Mapping[str, Any]) -> str:
    """Return what a figure is: metric, row, part, and which cases count.

    Example:
        >>> figure_words({"metric": "pooled_iou", "row": "ET", "part": "test", "scored": "with_tumor"})
        'IoU of all voxels, Enhancing tumor, cases with tumor'
    """
    pooled = own["metric"].startswith("pooled_")
    metric = wording.title(own["metric"].removeprefix("pooled_")) + (" of all voxels" if pooled else "")
    row = "" if own["row"] == "all" else wording.title(own["row"])
    part = "" if own["part"] == "test" else own["part"]
    cases = {"with_tumor": "cases with tumor", "all_too": "all cases"}.get(own["scored"], "")
    return ", ".join(word for word in (metric, row, part, cases) if word)


def our_words(ours: Mapping[str, Any] | None, metric: str) -> str:
    """Return our figure with its interval, or with its deviation over folds."""
    if ours is None:
        return wording.MISSING
    if ours["sd"] is not None:
        return f"{_spread(ours['value'], ours['sd'], metric)} ({ours['folds']} folds)"
    text = _number(ours["value"], metric)
    if ours["ci95"] is None:
        return text
    return f"{text} ({' to '.join(_number(end, metric) for end in ours['ci95'])})"


def _with_infinite(words: str, ours: Mapping[str, Any] | None) -> str:
    """Add how many cases a mean leaves out because their distance has no end."""
    return f"{words}, {ours['infinite']:,} infinite left out" if ours and ours["infinite"] else words


def _spread(value: float, sd: float | None, metric: str) -> str:
    return _number(value, metric) + ("" if sd is None else f" ± {_number(sd, metric)}")


def _number(value: float, metric: str) -> str:
    return f"{value:.2f}" if metric in DISTANCES else MetricWords().figure(float(value), metric)


def sameness(system: Mapping[str, Any]) -> str:
    """Return whether data and split are the source's.

    Example:
        >>> sameness({"same_data": True, "same_split": False}), sameness({"same_data": None, "same_split": None})
        ('same data, drawn anew', 'not known')
    """
    if system["same_data"] is None:
        return "not known"
    if not system["same_data"]:
        return "other cases, same rule"
    return "same data and split" if system["same_split"] else "same data, drawn anew"


def epochs_words(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return how many epochs were run, and of how many where they are fewer; of several runs the range."""
    known = [run for run in runs if run["epochs"] is not None]
    if not known:
        return wording.MISSING
    done = sorted({run["epochs"] for run in known})
    text = f"{done[0]}" if len(done) == 1 else f"{done[0]} to {done[-1]}"
    asked = max(run["epochs_asked"] or 0 for run in known)
    return f"{text} of {asked}" if done[0] < asked else text


def cost_words(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return how long the training of runs took, and on what."""
    if not runs:
        return wording.MISSING
    devices = ", ".join(dict.fromkeys(str(run["device"]) for run in runs))
    return f"{wording.duration(sum(run['seconds'] for run in runs))}, {devices}"


def status_words(system: Mapping[str, Any]) -> str:
    """Return why a system has no figures; nothing where it has."""
    if system["status"] == "no_data":
        return f"no data at hand: {system['dataset']}"
    if system["status"] == "failed":
        return f"failed: {system['error']['cause']} [{system['error']['code']}]"
    return ""


def reproduction_markdown(facts: Mapping[str, Any]) -> str:
    """Return the table of ``table.md``: figures, how to read them, what was not run, why they differ, and the runs."""
    head = ("system", "figure", "source", "ours", "reached", "honest split", "data and split", "epochs", "time")
    rows = []
    for system in facts["systems"]:
        own_runs = system["runs"]
        told_rows = zip(reproduced_rows(system), system["figures"], strict=True) if own_runs else ()
        for place, (row, own) in enumerate(told_rows):
            first = place == 0
            ours, patient = (
                _with_infinite(text, own["ours"][division])
                for text, division in ((row.ours, "source"), (row.by_patient, "patient"))
            )
            told = (sameness(system), epochs_words(own_runs), cost_words(own_runs)) if first else ("", "", "")
            name = f"`{row.system}`" if first else ""
            rows.append((name, row.figure, row.theirs, ours, row.verdict, patient, *told))
    parts = [_table(head, rows), HOW_TO_READ] if rows else []
    idle = [(own["name"], words) for own in facts["systems"] if (words := status_words(own))]
    if idle:
        parts += ["Not run, or not to the end:", "\n".join(f"- `{name}`: {words}" for name, words in idle)]
    differ = [own for own in facts["systems"] if own["runs"] and own["differs"]]
    if differ:
        parts += [
            "Why figures may differ:",
            "\n".join(f"- `{own['name']}`: {own['differs'].strip()}" for own in differ),
        ]
    made = made_words(facts)
    if made:
        parts += ["Made by:", "\n".join(f"- {line}" for line in made)]
    return "\n\n".join(parts) + "\n"


def made_words(facts: Mapping[str, Any]) -> list[str]:
    """Return by which code, on what and when the runs were made, one line for each combination."""
    dates: dict[tuple[str, str, str], list[str]] = {}
    for system in facts["systems"]:
        for run in system["runs"]:
            dates.setdefault((run["gliascope_version"], run["device"], run["machine"]), []).append(run["created"][:10])
    lines = []
    for (version, device, machine), days in dates.items():
        span = min(days) if min(days) == max(days) else f"{min(days)} to {max(days)}"
        lines.append(f"Gliascope {version}, {span}: {counted(len(days), 'run')} on {device} ({machine})")
    return lines


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
