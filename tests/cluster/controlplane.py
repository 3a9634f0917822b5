"""The command lines of etcd, the API server, the controller-manager and the scheduler, and the keys they use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import binaries, kubeconfig
from cluster.binaries import Build
from cluster.pki import Authority, Pair

# The API's own names; clients inside pods use the service's.
_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
)
_AUDIT_POLICY = Path(__file__).resolve().parent / "audit-policy.yaml"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the control plane listens and what it hands out. ``pods`` is empty where there is no node."""

    api_host: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    services: str
    api_service: str
    pods: str = ""

    @property
    def api_url(self) -> str:
        """For clients on the host."""
        return f"https://{self.api_host}:{self.api_port}"

    @property
    def etcd_url(self) -> str:
        """Loopback only, no certificate: it is behind the API server, and lives for minutes."""
        return f"http://127.0.0.1:{self.etcd_port}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Paths in the cluster's state folder, each derived from it, so that nothing has to be written down."""

    state: Path

    @property
    def folder(self) -> Path:
        """Where all certificates and keys are."""
        return self.state / "pki"

    def pair(self, name: str) -> Pair:
        """Certificate and key by name."""
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    @property
    def authority(self) -> Path:
        """The certificate that all of the cluster trusts."""
        return self.folder / "ca.crt"

    def kubeconfig(self, name: str) -> Path:
        """The one for people is ``kubeconfig``; components have their own, with the rights of their role."""
        return self.state / ("kubeconfig" if name == "admin" else f"{name}.kubeconfig")


def make_keys(state: Path, addresses: Addresses, node_name: str, node_address: str | None) -> Keys:
    """A new authority, certificates for every component, and their kubeconfigs."""
    keys = Keys(state)
    authority = Authority(keys.folder)
    authority.issue("apiserver", "kube-apiserver", hosts=[*_API_NAMES, addresses.api_host, addresses.api_service])
    authority.issue("kubelet-client", "kube-apiserver-kubelet-client", groups=["system:masters"])
    authority.issue("front-proxy-client", "front-proxy-client")
    authority.signing_key("service-accounts")
    users: dict[str, tuple[str, Sequence[str], Sequence[str]]] = {
        "admin": ("admin", ["system:masters"], []),
        "kube-controller-manager": ("system:kube-controller-manager", [], []),
    }
    if node_address is not None:
        users["kube-scheduler"] = ("system:kube-scheduler", [], [])
        users["kube-proxy"] = ("system:kube-proxy", [], [])
        users["kubelet"] = (f"system:node:{node_name}", ["system:nodes"], [node_name, "127.0.0.1", node_address])
    for name, (user, groups, hosts) in users.items():
        pair = authority.issue(name, user, groups, hosts)
        kubeconfig.write(keys.kubeconfig(name), addresses.api_url, keys.authority, pair)
    return keys


def etcd(state: Path, addresses: Addresses) -> list[str | Path]:
    """Without fsync: a machine that crashes may lose a cluster that nobody would want back."""
    peer = f"http://127.0.0.1:{addresses.etcd_peer_port}"
    return [
        _kube("etcd"),
        f"--data-dir={state / 'etcd'}",
        f"--listen-client-urls={addresses.etcd_url}",
        f"--advertise-client-urls={addresses.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(
    keys: Keys, addresses: Addresses, *, with_node: bool, kubernetes: Build = binaries.KUBE
) -> list[str | Path]:
    """RBAC, and the admission plugin that production clusters add and that operators stumble over."""
    serving, kubelet_client, accounts = (
        keys.pair(name) for name in ("apiserver", "kubelet-client", "service-accounts")
    )
    command: list[str | Path] = [
        binaries.program(kubernetes, "kube-apiserver"),
        f"--etcd-servers={addresses.etcd_url}",
        f"--bind-address={addresses.api_host}",
        f"--secure-port={addresses.api_port}",
        f"--service-cluster-ip-range={addresses.services}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={keys.authority}",
        f"--service-account-key-file={accounts.certificate}",
        f"--service-account-signing-key-file={accounts.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        "--allow-privileged",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={kubelet_client.certificate}",
        f"--kubelet-client-key={kubelet_client.key}",
        f"--kubelet-certificate-authority={keys.authority}",
        f"--audit-policy-file={_AUDIT_POLICY}",
        f"--audit-log-path={audit_log(keys.state)}",
    ]
    if kubernetes is binaries.KUBE:
        # By such policies the tests play what platforms do to pods; Kubernetes has them on from 1.36.
        command.append("--feature-gates=MutatingAdmissionPolicy=true")
        command.append("--runtime-config=admissionregistration.k8s.io/v1beta1=true")
    if with_node:
        command.append(f"--advertise-address={addresses.api_host}")
    else:
        # Nobody follows the service `kubernetes` where there are no pods, and loopback may not be advertised.
        command += ["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"]
    return command


def audit_log(state: Path) -> Path:
    """A JSON object per line for each request of the operator's service account (see ``audit-policy.yaml``)."""
    return state / "logs" / "audit.log"


def controller_manager(keys: Keys, addresses: Addresses, kubernetes: Build = binaries.KUBE) -> list[str | Path]:
    """Its default of 20 requests a second would be what a benchmark measures."""
    # Our own start of the oldest one's controllers gives them no accounts of their own.
    user = "admin" if kubernetes is binaries.KUBE_OLDEST else "kube-controller-manager"
    command: list[str | Path] = [
        binaries.program(kubernetes, "kube-controller-manager"),
        f"--kubeconfig={keys.kubeconfig(user)}",
        f"--service-account-private-key-file={keys.pair('service-accounts').key}",
        f"--root-ca-file={keys.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=2000",
        "--kube-api-burst=4000",
        "--concurrent-job-syncs=50",
        # By default a folder in /usr, made when it is missing.
        f"--flex-volume-plugin-dir={keys.state / 'volume-plugins'}",
    ]
    return command + ([f"--cluster-cidr={addresses.pods}"] if addresses.pods else [])


def scheduler(keys: Keys) -> list[str | Path]:
    """As it comes, but for the rate of its requests."""
    return [
        _kube("kube-scheduler"),
        f"--kubeconfig={keys.kubeconfig('kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=2000",
        "--kube-api-burst=4000",
    ]


def _kube(component: str) -> Path:
    return binaries.program(binaries.KUBE, component)
