"""Numbers, units and names as a reader sees them, and hostile text made visible and harmless.

Every text that reaches a page goes through ``clean``; the template engine calls it for each value it prints.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

MISSING = "–"
"""What stands where there is no value."""

TITLES: Mapping[str, str] = {
    **{"WT": "Whole tumor", "TC": "Tumor core", "ET": "Enhancing tumor", "RC": "Resection cavity", "tumor": "Tumor"},
    **{"NCR": "Necrotic core", "ED": "Edema", "TUMOR": "Tumor"},
    **{"t1n": "T1", "t1c": "T1 contrast", "t2w": "T2", "t2f": "FLAIR"},
    **{"macro": "Macro average", "weighted": "Weighted average", "all": "All cases", "lr": "Learning rate"},
    **{"rest": "Head without tumor", "hd": "Hausdorff distance", "brier": "Brier score"},
    **{"both_empty": "Both empty", "false_positive": "False positive"},
}
"""Names that a rule cannot spell out."""

ACRONYMS: Mapping[str, str] = {
    **{"iou": "IoU", "dice": "Dice", "brier": "Brier", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"},
    **{"lesionwise": "lesion-wise"},
    **{word: word.upper() for word in ("hd", "hd95", "nsd", "assd", "f1", "auc", "ece", "nll", "id", "mri")},
    **{word: word.upper() for word in ("wt", "tc", "et", "rc")},
}
"""Words of a name, or two of them together, that are written in their own way."""

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    # C1 controls, lone surrogates (undecodable file names), and marks that reorder or hide text
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFEFF], "\ufffd"),
    **dict.fromkeys([*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x206A)], "\ufffd"),
}


def clean(text: str) -> str:
    r"""Replace control, direction and undecodable characters by visible signs.

    Example:
        >>> clean("scan\x1b[31m.nii")
        'scan␛[31m.nii'
    """
    return text.translate(_VISIBLE)


def shown(value: object) -> object:
    """Return what a template prints for any value; markup stays as it is."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return f"{int(value):,}"
    return clean(str(value))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, thousands grouped.

    Example:
        >>> number(12345.6), number(0.12345), number(0.0)
        ('12,346', '0.123', '0')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(digits - 1 - exponent, 0)}f}"


def count(value: int | None) -> str:
    """Return a whole number with grouped thousands."""
    return MISSING if value is None else f"{value:,}"


def millilitres(value: float | None) -> str:
    """Return a volume with its unit: one decimal from 10 ml on, two below."""
    return MISSING if value is None else f"{value:,.{1 if abs(value) >= 10 else 2}f} ml"


def millimetres(value: float | None) -> str:
    """Return a length with its unit."""
    return MISSING if value is None else f"{value:,.1f} mm"


def share(part: float, whole: float) -> str:
    """Return ``part / whole`` in percent, or an empty cell where the whole is 0.

    Example:
        >>> share(1, 3), share(1, 4000)
        ('33 %', '0.025 %')
    """
    if not whole:
        return MISSING
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def duration(seconds: float | None) -> str:
    """Return a time span in the largest units that matter.

    Example:
        >>> duration(0.042), duration(75.0), duration(7320)
        ('42 ms', '1 min 15 s', '2 h 02 min')
    """
    if seconds is None:
        return MISSING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def metric_value(value: object, name: str) -> str:
    """Return one figure of a table; scores keep three decimals, physical values two, counts none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(shown(value))
    if isinstance(value, int) or not math.isfinite(value):
        return str(shown(value))
    return f"{value:,.2f}" if unit_of(name) else f"{value:,.3f}"


def unit_of(name: str) -> str:
    """Return the unit at the end of a metric's name (``hd95_mm``) or of words (``WT (ml)``), or an empty text."""
    return next((unit for unit in ("mm", "ml") if name.endswith((f"_{unit}", f"({unit})"))), "")


def title(name: str) -> str:
    """Return the words for a name of the code: a region, class, channel, metric or setting.

    Example:
        >>> title("no_tumor"), title("hd95_mm"), title("lesionwise_dice"), title("WT")
        ('No tumor', 'HD95 (mm)', 'Lesion-wise Dice', 'Whole tumor')
    """
    if name in TITLES:
        return TITLES[name]
    unit = unit_of(name)
    if name.endswith(")"):
        return name
    stem = name.removesuffix("_score").removesuffix(f"_{unit}" if unit else "")
    for pair, words in ACRONYMS.items():
        if "_" in pair:
            stem = re.sub(rf"(?<![a-z]){pair}(?![a-z])", words, stem)
    text = " ".join(ACRONYMS.get(word, word) for word in stem.replace("_", " ").split(" "))
    return text[:1].upper() + text[1:] + (f" ({unit})" if unit else "")


def sentence(parts: Mapping[str, Any]) -> str:
    """Join the values of a mapping that are there, separated by middle dots."""
    return " · ".join(clean(str(value)) for value in parts.values() if value)
