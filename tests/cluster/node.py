"""What makes a machine a node: kubelet, kube-proxy and the stand-in GPUs, within the node's namespaces."""

import json
from pathlib import Path
from typing import Any

from cluster import binaries, cgroups
from cluster.controlplane import Keys
from cluster.network import Network

NAME = "regsweep-node"
GPU_RESOURCE = "nvidia.com/gpu"
GPUS = 8


def kubelet(keys: Keys, network: Network) -> list[str | Path]:
    """Its settings are in ``kubelet.json`` (see ``write_kubelet_config``)."""
    return [
        binaries.program(binaries.KUBE, "kubelet"),
        f"--config={keys.state / 'kubelet.json'}",
        f"--kubeconfig={keys.kubeconfig('kubelet')}",
        "--root-dir=/var/lib/kubelet",
        f"--hostname-override={NAME}",
        f"--node-ip={network.node_address}",
    ]


def write_kubelet_config(keys: Keys, network: Network, runtime_socket: str) -> None:
    """Also the resolv.conf for pods that do not ask the cluster's DNS: there is nothing else to ask."""
    resolv = keys.state / "resolv.conf"
    resolv.write_text(f"nameserver {network.dns_service}\n")
    config = kubelet_config(keys, network, runtime_socket, resolv)
    (keys.state / "kubelet.json").write_text(json.dumps(config, indent=1))


def kubelet_config(keys: Keys, network: Network, runtime_socket: str, resolv: Path) -> dict[str, Any]:
    """For a node that lives for minutes and shares its disk: quick, and never evicting or collecting for want of disk."""
    serving = keys.pair("kubelet")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{runtime_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.name(keys.state)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [network.dns_service],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolv),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys.authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "maxPods": 200,
        # 100 % turns the collection of images off: ours came by import and could not be pulled again.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        "kubeAPIQPS": 500,
        "kubeAPIBurst": 1000,
        "eventRecordQPS": 0,
        "registryPullQPS": 0,
        # How soon a change of the GPUs' number shows in the node's status.
        "nodeStatusUpdateFrequency": "1s",
        "nodeStatusReportFrequency": "1m",
        "shutdownGracePeriod": "0s",
        # By default a folder in /usr, made when it is missing.
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }


def kube_proxy(keys: Keys, network: Network) -> list[str | Path]:
    """The conntrack limits are the machine's, not the namespace's: 0 leaves them alone."""
    return [
        binaries.program(binaries.KUBE, "kube-proxy"),
        f"--kubeconfig={keys.kubeconfig('kube-proxy')}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={network.pods}",
        f"--hostname-override={NAME}",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    ]


def fake_gpus() -> list[str | Path]:
    """The device plugin of ``go/kube/fakegpu.go``."""
    return [binaries.program(binaries.KUBE, "fake-gpu"), str(GPUS)]


def is_ready(node: dict[str, Any] | None) -> bool:
    """Whether the node's object says that pods which want GPUs can be scheduled there."""
    if node is None:
        return False
    conditions = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])}
    gpus = node["status"].get("allocatable", {}).get(GPU_RESOURCE)
    return conditions.get("Ready") == "True" and gpus == str(GPUS)
