"""What a recipe trains on: the cases its task can learn from, the copies among them, and their prepared form."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gliascope.case import Case
from gliascope.errors import InputError
from gliascope.preprocess.cache import CacheEntry, build_cache
from gliascope.workflow.copy_search import CopySearch, search_copies
from gliascope.workflow.progress import ProgressCallback

if TYPE_CHECKING:
    from gliascope.config import RunConfig


@dataclass(frozen=True)
class TrainingData:
    """The data of one training: its cases, the copies among them, their prepared form.

    Args:
        config: The recipe.
        root: The data set's folder.
        folder: Where prepared cases and known copies are kept.
        threads: Cases at a time; None: one per core.
        progress: Told how far each stage is.
    """

    config: "RunConfig"
    root: Path
    folder: Path
    threads: int | None
    progress: ProgressCallback

    def cases(self) -> list[Case]:
        """List the cases that the task can learn from: those with a class, or with a reference mask.

        Raises:
            InputError: There are none, or the data set is laid out differently.
        """
        listed, task = self.config.dataset.cases(self.root), self.config.task
        usable = [case for case in listed if (case.label if task == "classify" else case.has_reference)]
        if not usable:
            wanted = "a tumor class" if task == "classify" else "a reference mask"
            raise InputError(f"none of {len(listed)} cases has {wanted}", file=self.root, code="E_REFERENCE")
        return usable

    def copies(self, cases: Sequence[Case]) -> CopySearch:
        """Find the copies among cases, or look them up."""
        return search_copies(cases, self.folder, threads=self.threads, progress=self.progress)

    def prepare(self, cases: Sequence[Case]) -> tuple[CacheEntry, ...]:
        """Prepare cases as the recipe's plan says, or find them prepared; see ``build_cache``."""
        return build_cache(
            cases,
            self.config.plan,
            self.config.target,
            self.folder,
            layout="slices" if self.config.network.dimensions == 2 else "volume",
            workers=self.threads,
            progress=partial(self.progress, "prepare cases"),
        )
