"""manifests/install.yaml as a cluster is given it: with the images that were built, and with its Prometheus."""

from collections.abc import Mapping
from typing import Any

import yaml

from cluster import paths

MANIFEST = paths.CHECKOUT / "manifests" / "install.yaml"
NAMESPACE = "regsweep-system"
OPERATOR = "deployment/regsweep"

_TRAINER_VARIABLE = "REGSWEEP_TRAINER_IMAGE"
_PROMETHEUS_VARIABLE = "REGSWEEP_PROMETHEUS_URL"


def render(references: Mapping[str, str], prometheus_url: str, environment: Mapping[str, str] | None = None) -> str:
    """The manifest with ``references`` (image's name -> what to pull) in place of the names that it is committed with.

    ``environment`` is more for the operator, such as a setting that a test needs.
    """
    wanted = {_PROMETHEUS_VARIABLE: prometheus_url, **(environment or {})}
    objects = [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one]
    for one in objects:
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 1  # tests kill, measure and read the log of the one that leads
            for container in one["spec"]["template"]["spec"]["containers"]:
                container["image"] = _replaced(container["image"], references)
                _set_environment(container, references, wanted)
    return yaml.safe_dump_all(objects)


def _set_environment(container: dict[str, Any], references: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    variables: list[dict[str, Any]] = container.setdefault("env", [])
    for variable in variables:
        if variable["name"] == _TRAINER_VARIABLE:
            variable["value"] = _replaced(variable["value"], references)
    kept = [variable for variable in variables if variable["name"] not in wanted]
    container["env"] = kept + [{"name": name, "value": value} for name, value in wanted.items()]


def _replaced(image: str, references: Mapping[str, str]) -> str:
    """By name, whatever registry and tag it is written with; an image that is not ours stays."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return references.get(name, image)
