"""The adapters that read one data set each; ``union`` combines them."""

from typing import Annotated

from pydantic import Field

from gliascope.datasets.brats import BratsSettings
from gliascope.datasets.brats2017 import Brats2017Settings
from gliascope.datasets.brats2020_slices import Brats2020SlicesSettings
from gliascope.datasets.brats2021 import Brats2021Settings
from gliascope.datasets.brats2023 import Brats2023Settings
from gliascope.datasets.figshare import FigshareSettings
from gliascope.datasets.folder import FolderSettings
from gliascope.datasets.kaggle_4class import Kaggle4ClassSettings
from gliascope.datasets.lgg import LggSettings
from gliascope.datasets.msd_task01 import MsdTask01Settings
from gliascope.datasets.phantom import PhantomSettings

MEMBERS = (
    MsdTask01Settings,
    BratsSettings,
    Brats2017Settings,
    Brats2021Settings,
    Brats2023Settings,
    Brats2020SlicesSettings,
    LggSettings,
    Kaggle4ClassSettings,
    FigshareSettings,
    FolderSettings,
    PhantomSettings,
)
"""Every adapter but ``union``, in the order they are listed."""

MemberSettings = Annotated[
    MsdTask01Settings
    | BratsSettings
    | Brats2017Settings
    | Brats2021Settings
    | Brats2023Settings
    | Brats2020SlicesSettings
    | LggSettings
    | Kaggle4ClassSettings
    | FigshareSettings
    | FolderSettings
    | PhantomSettings,
    Field(discriminator="name"),
]
