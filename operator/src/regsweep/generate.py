"""Writes what is generated from the API, the settings and the metrics: `python -m regsweep.generate [ROOT]`.

ROOT is the repository's folder, by default the current one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from regsweep.api.condition_reference import condition_page
from regsweep.api.constants import GROUP, RESULT_PLURAL, SWEEP_PLURAL
from regsweep.api.crd import result_crd, sweep_crd
from regsweep.api.reference import reference_page
from regsweep.operator_reference import operator_page

CRD_FOLDER = "manifests/crd"


def generated_files() -> dict[str, str]:
    """Path under the repository's root -> content, of every generated file."""
    return {
        f"{CRD_FOLDER}/{GROUP}_{SWEEP_PLURAL}.yaml": _yaml(sweep_crd()),
        f"{CRD_FOLDER}/{GROUP}_{RESULT_PLURAL}.yaml": _yaml(result_crd()),
        "docs/reference.md": reference_page(),
        "docs/conditions.md": condition_page(),
        "docs/operator.md": operator_page(),
    }


def _yaml(manifest: Mapping[str, object]) -> str:
    head = "# Generated from operator/src/regsweep/api by `python -m regsweep.generate`: edit the types there.\n"
    without_anchors = json.loads(json.dumps(manifest))
    return head + yaml.safe_dump(without_anchors, sort_keys=False, width=120, allow_unicode=True)


def write(root: Path) -> None:
    """Writes every generated file under the root."""
    for name, content in generated_files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
