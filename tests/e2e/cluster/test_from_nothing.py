"""From nothing to a ranking as the README says it: a cluster that has never seen regsweep, Helm, `helm test`, and a user with `edit`.

Both namespaces enforce Pod Security `restricted`. Nobody has anything to warn of: Helm, kubectl, and both operators. A
Prometheus of the real Prometheus Operator scrapes operators and trainers by the chart's monitors meanwhile.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cluster import Cluster, addons, binaries, images, installation
from support import careful
from support.helm import CHECKOUT
from support.logs import complaints
from support.prometheus import ask
from support.prometheus_operator import (
    configuration,
    install_kinds,
    prometheus_by,
    prometheus_object,
    prometheus_operator,
)
from support.stage import TRAINING_SECONDS, Json, Stage
from support.users import kubeconfig_of

pytestmark = pytest.mark.long

README = (CHECKOUT / "README.md").read_text()
SAMPLE = "kubectl apply -f manifests/samples/breast-cancer.yaml"
TEST = "helm test regsweep -n regsweep-system --logs"
OWNER = "registry.example.com/you"
ROLLOUT_SECONDS = 120


@pytest.fixture(scope="module")
def bare() -> Iterator[Stage]:
    """A node with our images, somebody's Prometheus, and the Prometheus Operator's kinds: what a cluster has before."""
    binaries.ensure((binaries.HELM,))
    cluster = Cluster.up(instance="test-from-nothing")
    try:
        references = cluster.load((*images.PROJECT, images.PROMETHEUS))
        install_kinds(cluster)
        prometheus = addons.prometheus(references[images.PROMETHEUS.name])
        cluster.kubectl("apply", "--server-side", "-f", "-", input=prometheus)
        yield Stage(cluster, references)
    finally:
        cluster.down()


def installing(stage: Stage) -> list[str]:
    """The README's command with what it leaves to the reader: the images, and where Prometheus is."""
    (section,) = re.findall(r"^## Install it on your cluster\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(r"^    (helm upgrade (?:.*\\\n)*.*)$", section, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    for prefix, image in (("", images.OPERATOR), ("trainer.", images.TRAINER)):
        repository, tag = stage.references[image.name].rsplit(":", 1)
        words[words.index(f"{prefix}image.repository={OWNER}/{image.name}")] = f"{prefix}image.repository={repository}"
        words[words.index(f"{prefix}image.tag=TAG")] = f"{prefix}image.tag={tag}"
    told = next(word for word in words if word.startswith("prometheus.url="))
    words[words.index(told)] = f"prometheus.url={addons.PROMETHEUS_URL}"
    return words


def said(stage: Stage, words: Sequence[str], kubeconfig: Path | None = None) -> str:
    """Standard output of a command of helm or kubectl, which must succeed and warn of nothing."""
    program, *arguments = words
    found = {"helm": binaries.program(binaries.HELM), "kubectl": binaries.program(binaries.KUBE, "kubectl")}[program]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or stage.cluster.kubeconfig)}
    done = subprocess.run((found, *arguments), capture_output=True, text=True, cwd=CHECKOUT, env=environment)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"(?im)\bwarn|^[WE]\d{4} ", done.stderr), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(bare: Stage) -> Stage:
    """Two operators by the README's command, in a namespace that was there before and enforces the restricted standard."""
    system = installation.NAMESPACE
    bare.cluster.kubectl("create", "namespace", system)
    bare.cluster.kubectl("label", "namespace", system, careful.RESTRICTED)
    said(bare, installing(bare))
    rollout = ("rollout", "status", installation.OPERATOR, f"--timeout={ROLLOUT_SECONDS}s")
    bare.cluster.kubectl("--namespace", system, *rollout)
    return bare


@pytest.fixture(scope="module")
def monitored(installed: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that runs by the PodMonitor of the README's command, and by a ServiceMonitor beside it."""
    system = installation.NAMESPACE
    often = ("serviceMonitor.enabled=true", "serviceMonitor.interval=1s", "podMonitors.trainers.interval=1s")
    upgrade = ["helm", "upgrade", "regsweep", "charts/regsweep", "-n", system, "--reuse-values"]
    said(installed, [*upgrade, *(option for value in often for option in ("--set", value))])
    every: Json = {"podMonitorSelector": {}, "serviceMonitorSelector": {}}
    prometheus = prometheus_object("every", addons.MONITORING, "any", **every)
    installed.cluster.kubectl("apply", "-f", "-", input=json.dumps(prometheus))
    jobs = (f"podMonitor/{system}/regsweep-trainers/0", f"serviceMonitor/{system}/regsweep-operator/0")
    with prometheus_operator(installed.cluster, tmp_path_factory.mktemp("prometheus-operator")) as log:
        config = configuration(installed.cluster, log, addons.MONITORING, "every", jobs)
    with prometheus_by(installed.cluster, config, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_helm_test_trains_a_sweep_of_two_runs(installed: Stage) -> None:
    assert f"`{TEST}`" in README
    assert "regsweep-test · 2 combinations x 2 replicates" in said(installed, shlex.split(TEST))


def test_a_user_with_edit_alone_gets_a_ranking_and_the_monitors_bring_it_to_prometheus(
    installed: Stage, monitored: str, tmp_path: Path
) -> None:
    assert f"`{SAMPLE}`" in README
    lab = installed.lab("newcomer")
    careful.guard(lab, careful.told_policy())
    person = kubeconfig_of(installed.cluster, lab.namespace, "edit", tmp_path)
    said(installed, shlex.split(SAMPLE), person)
    lab.until_condition("breast-cancer", "Complete", seconds=TRAINING_SECONDS)
    # A trainer ends once anybody has scraped its last values: which of two Prometheuses has them all is left open.
    results = lab.status("breast-cancer")["results"]
    assert [row["rank"] for row in results] == list(range(1, 9))
    assert "breast-cancer" in said(installed, ["kubectl", "get", "rsweep"], person)

    trainers = f'{{job="{installation.NAMESPACE}/regsweep-trainers", namespace="newcomer"}}'
    (runs,) = ask(monitored, f"count(count by (run) (last_over_time(regsweep_trainer_epoch{trainers}[1h])))")
    assert int(runs["value"][1]) > 0
    operators = '{job="regsweep-metrics", namespace="newcomer", sweep="breast-cancer", state="succeeded"}'
    lab.until(
        "the operator's own metrics are there",
        lambda: {each["value"][1] for each in ask(monitored, f"regsweep_operator_sweep_runs{operators}")} == {"8"},
    )


def test_no_operator_has_anything_to_complain_of(installed: Stage) -> None:
    """The last test of this file: of all that was done before."""
    here = ("--namespace", installation.NAMESPACE)
    selector = ("-l", "app.kubernetes.io/name=regsweep,app.kubernetes.io/component=operator", "-o", "name")
    pods = installed.cluster.kubectl(*here, "get", "pods", *selector).split()
    assert len(pods) == 2
    assert [line for pod in pods for line in complaints(installed.cluster.kubectl(*here, "logs", pod))] == []
