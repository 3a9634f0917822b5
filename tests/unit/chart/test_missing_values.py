"""Values that are not there: taken away by null, or new in the chart at an upgrade that reuses the old ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.chart import Rendering
from support.helm import CHART, Helm, HelmRefusedError

DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def nulls(values: dict[str, Any], wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """Null for each wanted value, and nothing else."""
    found = {
        key: None if wanted(value) else nulls(value, wanted) for key, value in values.items() if _has(value, wanted)
    }
    return {key: value for key, value in found.items() if value is None or value}


def _has(value: Any, wanted: Callable[[Any], bool]) -> bool:
    return wanted(value) or isinstance(value, dict)


def test_an_absent_text_list_or_mapping_is_an_empty_one(helm: Helm, defaults: Rendering, tmp_path: Path) -> None:
    taken = nulls(DEFAULTS, lambda value: value in ("", [], {}))
    assert taken["prometheus"]["url"] is None and taken["image"]["digest"] is None and taken["extraEnv"] is None
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(taken))
    assert helm.template("--values", str(tmp_path / "values.yaml")) == list(defaults)


@pytest.mark.parametrize(
    "value",
    [
        "enabled",
        "global",
        "metrics",
        "metrics.tls.ca",
        "image.tag",
        "port",
        "replicas",
        "managedBy",
        "podMonitors.operator",
        "trainer",
    ],
)
def test_a_value_that_the_chart_rests_on_is_missed_by_name(helm: Helm, value: str) -> None:
    with pytest.raises(
        HelmRefusedError, match=rf"{value}: it has no value.*--reset-then-reuse-values.*null: leave it out"
    ):
        helm.template("--set", f"{value}=null")


@pytest.mark.parametrize(
    "value",
    ["strategy", "strategy.type", "strategy.rollingUpdate", "resources", "livenessProbe", "nodeSelector", "topologySpreadConstraints",
     "unreachableTolerationSeconds", "podSecurityContext", "trainer.podSecurityContext", "trainer.securityContext", "dashboards.labels"],
)  # fmt: skip
def test_what_kubernetes_has_a_default_for_may_be_left_to_it(helm: Helm, value: str) -> None:
    assert helm.template("--set", f"{value}=null")


def test_a_sheet_of_values_that_lacks_most_of_them_is_one_that_an_editor_takes() -> None:
    assert "required" not in yaml.safe_load((CHART / "values.schema.json").read_text())
