"""Location of the data in scikit-learn's wheel. The package is not imported: that costs a second of CPU."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from regsweep_kit.errors import BadDataError

FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "breast_cancer": ("breast_cancer.csv",),
        "digits": ("digits.csv.gz",),
        "wine": ("wine_data.csv",),
        "iris": ("iris.csv",),
        "diabetes": ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
    }
)
"""Per data set, its files: features and target, or both in one."""


def paths(name: str) -> tuple[Path, ...]:
    """The files of a data set. Raises BadDataError where scikit-learn is not installed."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise BadDataError(
            f"flag dataset: {name} is part of scikit-learn, which this image does not contain; use data_path"
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    return tuple(folder / file for file in FILES[name])
