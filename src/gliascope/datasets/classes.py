"""What data sets call the tumor classes."""

from collections.abc import Mapping

CLASS_ALIASES: Mapping[str, str] = {
    "glioma": "glioma",
    "glioma_tumor": "glioma",
    "meningioma": "meningioma",
    "meningioma_tumor": "meningioma",
    "pituitary": "pituitary",
    "pituitary_tumor": "pituitary",
    "no_tumor": "no_tumor",
    "notumor": "no_tumor",
}
"""Folder names and table entries, in lower case with ``_`` for blanks and hyphens."""


def class_named(text: str) -> str | None:
    """Return the tumor class a folder name or table entry stands for, or None.

    Example:
        >>> class_named("No Tumor"), class_named("yes")
        ('no_tumor', None)
    """
    return CLASS_ALIASES.get(text.strip().lower().replace(" ", "_").replace("-", "_"))
