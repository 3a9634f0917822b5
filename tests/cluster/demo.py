"""``make demo``: from nothing to the ranked results of a real sweep on a real Kubernetes, one line per step.

The cluster stays up afterwards, for looking around; ``make cluster-down`` ends it. Run again, it deletes the sweep and
trains it anew.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from cluster import addons, binaries, current, images, installation, paths, prerequisites
from cluster.current import CurrentCluster
from cluster.errors import ClusterError
from cluster.instance import Cluster, Profile
from cluster.report import say, step

INSTANCE = "default"
SAMPLE = paths.CHECKOUT / "manifests" / "samples" / "breast-cancer.yaml"
SWEEP = "breast-cancer"
_ROLLOUT_SECONDS = 90
_IMAGES = (*images.PROJECT, images.PROMETHEUS)


def main() -> int:
    """Exit status: that of the sweep, or 1 with a line that says what to do."""
    try:
        with step("the demo took"):
            return _demo()
    except ClusterError as error:
        say(f"error: {error}")
        return 1


def _demo() -> int:
    cluster, built = _made()
    with step("images are in the cluster"):
        references = cluster.import_images(built)
    with step("regsweep and Prometheus are installed"):
        install(cluster, references)
    # What an earlier demo left: its runs and results go with it.
    cluster.kubectl("delete", "regularizationsweep", SWEEP, "--ignore-not-found", "--wait")
    cluster.kubectl("apply", "-f", SAMPLE)
    say(f"kubectl apply -f {SAMPLE.relative_to(paths.CHECKOUT)}")
    with step("the sweep ran"):
        status = _follow(cluster)
    say(_what_next(cluster))
    return status


def install(cluster: Cluster | CurrentCluster, references: dict[str, str]) -> None:
    """Apply the operator and a Prometheus, and wait until both are ready. Raises ClusterError with what pods say."""
    manifests = [
        installation.render(references, addons.PROMETHEUS_URL),
        addons.prometheus(references[images.PROMETHEUS.name]),
    ]
    for manifest in manifests:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest)
    timeout = f"--timeout={_ROLLOUT_SECONDS}s"
    for namespace, deployment in (
        (addons.MONITORING, addons.PROMETHEUS),
        (installation.NAMESPACE, installation.OPERATOR),
    ):
        try:
            cluster.kubectl("--namespace", namespace, "rollout", "status", deployment, timeout)
        except ClusterError as late:
            raise ClusterError(f"{late}\n{_what_pods_say(cluster, namespace)}") from late
    cluster.kubectl("wait", "--for=condition=Established", "crd/regularizationsweeps.regsweep.dev", timeout)


def _made() -> tuple[Cluster | CurrentCluster, dict[str, str]]:
    """Programs and images are built side by side: neither needs the other, and each waits much for the network."""
    if current.is_wanted():
        return CurrentCluster(), images.ensure(_IMAGES)
    prerequisites.require_root("the built-in Kubernetes")
    with ThreadPoolExecutor() as pool:
        building = pool.submit(images.ensure, _IMAGES)
        with step("Kubernetes is up"):
            cluster = Cluster.up(Profile.NODE, INSTANCE)
        return cluster, building.result()


def _follow(cluster: Cluster | CurrentCluster) -> int:
    """The project's own command shows progress, waits for the end and prints the ranked table."""
    command = [sys.executable, "-m", "regsweep.cli", "results", SWEEP, "--follow"]
    environment = dict(os.environ)
    if cluster.kubeconfig is not None:
        environment["KUBECONFIG"] = str(cluster.kubeconfig)
    return subprocess.run(command, env=environment, check=False).returncode


def _what_pods_say(cluster: Cluster | CurrentCluster, namespace: str) -> str:
    pods = cluster.kubectl("--namespace", namespace, "get", "pods")
    events = cluster.kubectl("--namespace", namespace, "get", "events", "--sort-by=.lastTimestamp")
    logs = cluster.kubectl("--namespace", namespace, "logs", "deployment/regsweep", "--tail=20", "--ignore-errors")
    return "\n".join((pods, "\n".join(events.splitlines()[-10:]), logs))


def _what_next(cluster: Cluster | CurrentCluster) -> str:
    lines = [f"  kubectl get rsweep {SWEEP} -o yaml", "  kubectl explain rsweep.spec.flags"]
    if cluster.kubeconfig is not None:
        kubectl = binaries.program(binaries.KUBE, "kubectl").parent
        lines = [f"  export KUBECONFIG={cluster.kubeconfig} PATH=$PATH:{kubectl}", *lines, "  make cluster-down"]
    return "\n".join(("Look around:", *lines))


if __name__ == "__main__":
    sys.exit(main())
