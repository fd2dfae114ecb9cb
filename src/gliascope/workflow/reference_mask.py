"""The reference of one case, named by hand: a mask file, or the masks of a stack."""

from pathlib import Path

from gliascope.errors import InputError
from gliascope.files import picture
from gliascope.labels import LabelScheme
from gliascope.scan import LabelMap
from gliascope.workflow.pairs import is_label_name, is_volume, read_mask

PICTURES = (".png", ".tif", ".tiff", ".bmp", ".gif")


def read_reference(path: Path, scheme: LabelScheme | None) -> LabelMap:
    """Read a reference.

    Args:
        path: A NIfTI label map, a mask picture, or a folder with the mask pictures of one stack (of a folder that holds
            images too, the files that are named as masks).
        scheme: What the numbers mean, where the values leave it open.

    Raises:
        InputError: It cannot be used, or its scheme must be named.
    """
    if not path.exists():
        raise InputError("does not exist", file=path, hint="Check the path.", code="E_MISSING")
    if path.is_file():
        return read_mask(path, scheme)
    files = [each for each in sorted(path.iterdir()) if each.is_file() and not each.name.startswith(".")]
    if any(is_volume(each) for each in files):
        hint = "Name the label map itself."
        raise InputError("is a folder of NIfTI files, not of mask pictures", file=path, hint=hint, code="E_REFERENCE")
    pictures = [each for each in files if each.name.lower().endswith(PICTURES)]
    masks = [each for each in pictures if is_label_name(each)] or pictures
    order = picture.stack_order([each.name for each in masks])
    if order is None:
        cause = f"holds {len(masks)} mask pictures that are not numbered slices of one stack"
        raise InputError(cause, file=path, hint="Name a mask, or the folder of a stack's masks.", code="E_REFERENCE")
    return picture.read_mask_stack([path / name for name in order], scheme)
