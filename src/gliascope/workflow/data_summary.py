"""What the cases of a data set hold together: counts, imbalance, tumor sizes, tumor slices."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.workflow.case_look import CaseLook

PLACES = 50
"""Places from the first to the last slice at which the share of cases with tumor is given."""


def class_facts(looks: Sequence[CaseLook]) -> dict[str, Any]:
    """Return cases by class: all of them, by the data set's own split, by patient, and the imbalance."""
    labels = Counter(look.case.label for look in looks if look.case.label is not None)
    splits: dict[str, Counter[str]] = defaultdict(Counter)
    patients: dict[str, set[str]] = defaultdict(set)
    for look in looks:
        label = look.case.label
        if label is not None and look.case.split is not None:
            splits[label][look.case.split] += 1
        if label is not None and look.case.patient is not None:
            patients[label].add(look.case.patient)
    return {
        "classes": dict(sorted(labels.items())),
        "classes_by_split": {label: dict(own) for label, own in sorted(splits.items())},
        "patients_by_class": {label: len(own) for label, own in sorted(patients.items())},
        "class_imbalance": _ratio(labels.values()) if len(labels) > 1 else None,
    }


def tissue_facts(looks: Sequence[CaseLook]) -> dict[str, Any]:
    """Return voxels by tissue: all together, the share of each case, cases that have it, and the imbalance.

    Shares are of all voxels of the case, background included.
    """
    scored = [(look, look.tissue_voxels) for look in looks if look.tissue_voxels is not None]
    tissues: Counter[str] = Counter()
    shares: dict[str, list[float]] = defaultdict(list)
    cases: Counter[str] = Counter()
    for look, voxels in scored:
        for tissue, count in voxels.items():
            tissues[tissue] += count
            cases[tissue] += count > 0
            shares[tissue].append(round(count / look.voxels, 8))
    background = sum(look.voxels for look, _ in scored) - sum(tissues.values())
    rarest = min((count for count in tissues.values() if count), default=0)
    return {
        "tissues": dict(tissues),
        "background_voxels": background,
        "voxel_imbalance": background / rarest if rarest else None,
        "tissue_cases": dict(cases),
        "tissue_shares": dict(shares),
    }


def size_facts(looks: Sequence[CaseLook]) -> dict[str, Any]:
    """Return tumor sizes case by case: in ml where the size of a voxel is known, in voxels always, and by class."""
    volumes: dict[str, list[float]] = defaultdict(list)
    voxels: dict[str, list[int]] = defaultdict(list)
    by_class: dict[str, list[int]] = defaultdict(list)
    for look in looks:
        for region, count in look.region_voxels.items():
            voxels[region].append(count)
        for region, size in look.region_ml.items():
            volumes[region].append(size)
        if look.region_voxels and look.case.label is not None:
            by_class[look.case.label].append(look.tumor_voxels)
    return {
        "volumes_ml": dict(volumes),
        "region_voxels": dict(voxels),
        "region_voxels_by_class": dict(sorted(by_class.items())) if len(by_class) > 1 else {},
    }


def slice_facts(looks: Sequence[CaseLook]) -> dict[str, Any]:
    """Return slices with and without tumor, head by head, and where in the range of slices the tumors lie.

    A head is a volume, or the pictures of one patient. Pictures of unknown patients are only counted. Pictures lie in
    the order of their slice numbers; without those there is no place in the range.
    """
    heads = _heads([look for look in looks if look.presence])
    with_tumor = sum(int(look.tumor_slices.sum()) for look in looks)
    slices = sum(len(look.tumor_slices) for look in looks)
    placed: dict[str, list[NDArray[np.bool_]]] = defaultdict(list)
    for own in heads.values():
        if all(look.is_volume or "slice" in look.case.facts for look in own):
            for region, present in _joined(own).items():
                placed[region].append(_resampled(present))
    return {
        "slices": {
            "with_tumor": with_tumor,
            "without_tumor": slices - with_tumor,
            "heads": [
                {"name": name, "slices": n, "with_tumor": int(sum(look.tumor_slices.sum() for look in own))}
                for name, own in heads.items()
                if (n := sum(len(look.tumor_slices) for look in own)) > 1
            ],
        },
        "slice_profile": {region: np.mean(own, axis=0).round(4).tolist() for region, own in placed.items()},
    }


def shape_facts(looks: Sequence[CaseLook]) -> dict[str, Any]:
    """Return image sizes, voxel sizes, contrasts, what is wrong with these, and the number of cases per patient."""
    have = Counter(name for look in looks for name in look.channels)
    patients = Counter(look.case.patient for look in looks if look.case.patient is not None)
    return {
        "shapes": dict(Counter("×".join(map(str, look.shape)) for look in looks).most_common()),
        "spacings": dict(Counter(_spacing(look.spacing_mm) for look in looks).most_common()),
        "channels": dict(have),
        "blank_channels": dict(Counter(name for look in looks for name in look.blank)),
        "repeated_channels": dict(Counter(" = ".join(group) for look in looks for group in look.repeated)),
        "cases_per_patient": {str(n): often for n, often in sorted(Counter(patients.values()).items())},
    }


def patients_of(looks: Iterable[CaseLook]) -> dict[str, list[CaseLook]]:
    """Return the pictures of each patient in the order of their slices (else of their names); volumes are left out."""
    found: dict[str, list[CaseLook]] = defaultdict(list)
    for look in looks:
        if look.case.patient is not None and not look.is_volume:
            found[look.case.patient].append(look)
    return {patient: sorted(own, key=_slice_number) for patient, own in found.items()}


def _heads(looks: Sequence[CaseLook]) -> dict[str, list[CaseLook]]:
    return {**{look.case.id: [look] for look in looks if look.is_volume}, **patients_of(looks)}


def _joined(looks: Sequence[CaseLook]) -> Mapping[str, NDArray[np.bool_]]:
    regions = [region for region in looks[0].presence if all(region in look.presence for look in looks)]
    return {region: np.concatenate([look.presence[region] for look in looks]) for region in regions}


def _resampled(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the nearest slice at each of ``PLACES`` places."""
    at = ((np.arange(PLACES) + 0.5) / PLACES * len(present)).astype(int)
    found: NDArray[np.bool_] = present[at]
    return found


def _slice_number(look: CaseLook) -> tuple[int, str]:
    number = look.case.facts.get("slice", "")
    return (int(number) if number.isdecimal() else 0, look.case.id)


def _ratio(counts: Iterable[int]) -> float | None:
    found = [count for count in counts if count]
    return max(found) / min(found) if found else None


def _spacing(spacing_mm: tuple[float, ...] | None) -> str:
    return "unknown" if spacing_mm is None else "×".join(f"{size:.3g}" for size in spacing_mm) + " mm"
