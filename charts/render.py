"""Writes what is generated from the chart: its schema and table of values, manifests/install.yaml and the PodMonitors.

People without Helm apply the manifests; all of these files are committed, and a test compares them with the chart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import chart_values

CHART: Final = Path(__file__).with_name("regsweep")
MANIFESTS: Final = Path(__file__).parents[1] / "manifests"
NAMESPACE: Final = "regsweep-system"

INSTALL_HEAD: Final = f"""\
# The chart charts/regsweep with its defaults, for people without Helm. Written by charts/render.py: change the chart instead.
# Images without a registry are names to replace by those that you have built and pushed (README, "Install").
---
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""
MONITORS_HEAD: Final = """\
# PodMonitors for the Prometheus Operator, as the chart makes them with podMonitors.*.enabled=true. Written by charts/render.py.
# Add the label by which your Prometheus selects monitors (kube-prometheus-stack: release: <its release's name>).
"""


def rendered(helm: str, chart: Path = CHART, folder: Path = MANIFESTS) -> dict[Path, str]:
    """What each file of the folder is to hold. Raises CalledProcessError when Helm refuses the chart."""
    monitors = ("--show-only", "templates/monitors.yaml")
    enabled = ("--set", "podMonitors.trainers.enabled=true,podMonitors.operator.enabled=true")
    return {
        folder / "install.yaml": INSTALL_HEAD + template(helm, chart),
        folder / "monitoring" / "podmonitors.yaml": MONITORS_HEAD + template(helm, chart, *monitors, *enabled),
    }


def template(helm: str, chart: Path, *options: str) -> str:
    """The chart's rendering, as release `regsweep`, without the hooks of `helm test`."""
    command: Sequence[str] = (
        helm,
        "template",
        "regsweep",
        str(chart),
        "--namespace",
        NAMESPACE,
        "--no-hooks",
        *options,
    )
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def main() -> int:
    """Writes the files, or with --check names those that are not current."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--helm", default="helm", help="the helm program, version 4 (default: the one in PATH)")
    parser.add_argument("--chart", type=Path, default=CHART, help="folder of the chart (default: this checkout's)")
    parser.add_argument(
        "--manifests", type=Path, default=MANIFESTS, help="folder of the manifests (default: this checkout's)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    arguments = parser.parse_args()
    # Helm reads the schema: it comes first.
    stale = _write(chart_values.rendered(arguments.chart), check=arguments.check)
    try:
        stale += _write(rendered(arguments.helm, arguments.chart, arguments.manifests), check=arguments.check)
    except FileNotFoundError:
        sys.exit(f"no program {arguments.helm}: name Helm 4 with --helm")
    except subprocess.CalledProcessError as error:
        sys.exit(f"helm refused the chart:\n{error.stderr}")
    for path in stale if arguments.check else ():
        sys.stderr.write(f"{path} is not current: make manifests\n")
    return 1 if stale and arguments.check else 0


def _write(files: Mapping[Path, str], *, check: bool) -> list[Path]:
    """Writes the files that are not current, or with `check` writes nothing; returns those that were not."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in () if check else stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    return stale


if __name__ == "__main__":
    sys.exit(main())
