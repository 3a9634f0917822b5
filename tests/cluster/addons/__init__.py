"""What runs inside the built-in cluster beside the project: manifests, and when they are ready."""

from pathlib import Path
from string import Template
from typing import Any

import yaml

from cluster import paths

_FOLDER = Path(__file__).resolve().parent
_SCRAPE_CONFIG = paths.CHECKOUT / "manifests" / "monitoring" / "scrape-config.yaml"
# Usual are 5 s to 60 s; a trainer waits for its last scrape, and demo and tests are to take seconds.
_SCRAPE_INTERVAL = "1s"

MONITORING = "monitoring"
PROMETHEUS = "deployment/prometheus"
PROMETHEUS_URL = "http://prometheus.monitoring:9090"
"""For pods of the cluster."""


def coredns(service_address: str, image: str) -> str:
    """The cluster's DNS, as a manifest."""
    return _rendered("coredns.yaml", service_address=service_address, image=image)


def prometheus(image: str) -> str:
    """A Prometheus in namespace ``monitoring`` that scrapes as the project tells its users to, only more often."""
    config = scrape_config(_SCRAPE_CONFIG.read_text())
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prometheus", "namespace": "monitoring"},
        "data": {"prometheus.yml": yaml.safe_dump(config)},
    }
    return f"{_rendered('prometheus.yaml', image=image)}---\n{yaml.safe_dump(config_map)}"


def scrape_config(told: str) -> dict[str, Any]:
    """The jobs that the project tells its users to add, as a whole configuration with one short interval."""
    jobs = yaml.safe_load(told)["scrape_configs"]
    timing = {"scrape_interval": _SCRAPE_INTERVAL, "scrape_timeout": _SCRAPE_INTERVAL}
    return {
        "global": timing | {"evaluation_interval": _SCRAPE_INTERVAL},
        "scrape_configs": [job | timing for job in jobs],
    }


def _rendered(name: str, **values: str) -> str:
    return Template((_FOLDER / name).read_text()).substitute(values)
