"""What runs inside the built-in cluster beside the project: manifests, and when they are ready."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).resolve().parent


def coredns(service_address: str, image: str) -> str:
    """The cluster's DNS, as a manifest."""
    return _rendered("coredns.yaml", service_address=service_address, image=image)


def prometheus(image: str) -> str:
    """A Prometheus in namespace ``monitoring`` that scrapes every pod annotated so, as a manifest."""
    return _rendered("prometheus.yaml", image=image)


def _rendered(name: str, **values: str) -> str:
    return Template((_FOLDER / name).read_text()).substitute(values)
