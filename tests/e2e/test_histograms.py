"""Histograms of a sweep on the real node: the template that the docs tell of keeps them on a volume, and TensorBoard's log has them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from support.helm import CHECKOUT
from support.stage import TRAINING_SECONDS, Json, Lab, sweep
from support.volumes import claimed


def told_template() -> Json:
    """The template of docs/other-tools.md."""
    text = (CHECKOUT / "docs" / "other-tools.md").read_text()
    (block,) = re.findall(r"^    template:\n(?:      .*\n)+", text, re.MULTILINE)
    template: Json = yaml.safe_load(block)["template"]
    return template


def test_what_the_pods_wrote_on_the_volume_is_in_the_log_directory(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    made = sweep(
        "s",
        flags=[{"name": "l2", "values": [0, 0.1]}],
        replicates=2,
        parallelism=2,
        trainer={"gpus": 0, "parameters": {"dataset": "iris", "units": [8], "epochs": 11}},
        template=told_template(),
    )
    lab.apply(*claimed(lab, "histograms", folder), made)
    lab.until_condition("s", "Complete", seconds=TRAINING_SECONDS)
    log = tmp_path / "log"
    command: list[str | Path] = [sys.executable, "-m", "regsweep.cli", "tensorboard", "s", "--output", log]
    command += ["--histograms", folder, "--namespace", lab.namespace, "--kubeconfig", lab.stage.cluster.kubeconfig]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "There are no histograms" not in done.stdout
    events = EventMultiplexer().AddRunsFromDirectory(str(log))
    events.Reload()
    epochs = {
        run: {each.step for tag in tags for each in events.Tensors(run, tag)}
        for run in events.Runs()
        if (tags := events.PluginRunToTagToContent("histograms").get(run))
    }
    assert {run.split("/")[0] for run in epochs} == {"l2=0", "l2=0.1"}
    assert all(steps == {1, 6, 11} for steps in epochs.values())
    lab.kubectl("delete", "persistentvolume", lab.namespace, "--wait=false")
