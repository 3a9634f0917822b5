"""Builds the cluster's programs from Go modules, once per content of their sources, and finds them again."""

import functools
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cluster import paths, prerequisites, toolchain
from cluster.commands import run, run_logged
from cluster.digests import digest
from cluster.report import step

# The versions of the module in go.mod of go/kube, go/kube-oldest and go/kube-newest; a test compares them.
KUBERNETES = "1.35.4"
OLDEST_KUBERNETES = "1.29.6"
"""The oldest minor that the chart takes."""
NEWEST_KUBERNETES = "1.37.2"


def _reports(version: str) -> str:
    """Flags of the linker with which a program of Kubernetes says that it is of this version."""
    major, minor, _ = version.split(".")
    variables = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in variables.items())


@dataclass(frozen=True, slots=True)
class Build:
    """One ``go build``: packages of one module that share their flags."""

    name: str
    module: Path
    packages: Sequence[str] = (".",)
    tags: str = ""
    ldflags: str = ""
    cgo: bool = False
    links: Sequence[str] = field(default=())
    """Names by which the built program is called as well."""

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of what it builds."""
        built = [self.name] if len(self.packages) == 1 else [package.rpartition("/")[2] for package in self.packages]
        return (*built, *self.links)

    @property
    def key(self) -> str:
        """Changes with every source file, every pinned version and every flag."""
        words = [*self.packages, self.tags, self.ldflags, str(self.cgo), *self.links]
        return digest([self.module], words)


KUBE_COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "fake-gpu",
)
_CNI = "github.com/containernetworking/plugins/plugins"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"

_TOOLS_MODULE = paths.GO_SOURCES / "tools"

KUBE = Build("kube", paths.GO_SOURCES / "kube", ldflags=_reports(KUBERNETES), links=KUBE_COMPONENTS)
# API server and controllers of other minors, for the tests of these; etcd and kubectl are the built-in cluster's.
_OF_A_MINOR = ("kube-apiserver", "kube-controller-manager")
KUBE_OLDEST = Build(
    "kube-oldest",
    paths.GO_SOURCES / "kube-oldest",
    tags="providerless",  # the clouds' own code was a part of Kubernetes then
    ldflags=_reports(OLDEST_KUBERNETES),
    links=_OF_A_MINOR,
)
KUBE_NEWEST = Build(
    "kube-newest", paths.GO_SOURCES / "kube-newest", ldflags=_reports(NEWEST_KUBERNETES), links=_OF_A_MINOR
)
MINORS = {"": KUBE, "oldest": KUBE_OLDEST, "newest": KUBE_NEWEST}
"""Kubernetes by the names that the tests of minors have for it; the built-in cluster's has none."""
TOOLS = Build(
    "tools",
    _TOOLS_MODULE,
    packages=(
        *(f"{_CONTAINERD}/{program}" for program in ("containerd", "containerd-shim-runc-v2", "ctr")),
        *(f"{_CNI}/{plugin}" for plugin in ("ipam/host-local", "main/bridge", "main/loopback", "meta/portmap")),
    ),
)
# runc enters namespaces in C, before Go's runtime has started threads.
RUNC = Build("runc", _TOOLS_MODULE, packages=("github.com/opencontainers/runc",), tags="seccomp", cgo=True)
COREDNS = Build("coredns", _TOOLS_MODULE, packages=("./coredns",))
PAUSE = Build("pause", paths.GO_SOURCES / "pause")
# Renders and installs the chart; a cluster runs without it.
HELM = Build("helm", _TOOLS_MODULE, packages=("helm.sh/helm/v4/cmd/helm",))
# Says what kubectl reads in a manifest, for the tests of our own reader.
READ_MANIFESTS = Build("read-manifests", paths.GO_SOURCES / "manifests")
# Says what Flux makes of a sweep, for the tests.
HEALTH = Build("health", paths.GO_SOURCES / "health")
# Checks the forge's workflows in the tests.
ACTIONLINT = Build(
    "actionlint", paths.GO_SOURCES / "actionlint", packages=("github.com/rhysd/actionlint/cmd/actionlint",)
)
# Tests of the chart: its unit tests, schemas, and a registry to push it to.
HELM_UNITTEST = Build(
    "helm-unittest",
    paths.GO_SOURCES / "helm-unittest",
    packages=("github.com/helm-unittest/helm-unittest/cmd/helm-unittest",),
)
KUBECONFORM = Build(
    "kubeconform", paths.GO_SOURCES / "kubeconform", packages=("github.com/yannh/kubeconform/cmd/kubeconform",)
)
REGISTRY = Build(
    "registry", paths.GO_SOURCES / "registry", packages=("github.com/distribution/distribution/v3/cmd/registry",)
)
# Picks up the chart's monitors and rules in the long tests; it takes minutes to build.
PROMETHEUS_OPERATOR_MODULE = "github.com/prometheus-operator/prometheus-operator"
PROMETHEUS_OPERATOR = Build(
    "prometheus-operator",
    paths.GO_SOURCES / "prometheus-operator",
    packages=(f"{PROMETHEUS_OPERATOR_MODULE}/cmd/operator",),
)
SLEEP_TRAINER = Build("sleep-trainer", paths.CHECKOUT / "tests" / "bench" / "sleep-trainer")
# Plays nodes and pods for the benchmark of large sweeps; a cluster runs without it.
KWOK = Build("kwok", paths.GO_SOURCES / "kwok", packages=("sigs.k8s.io/kwok/cmd/kwok",))

# Without its web pages, which are built with npm, and with one way of finding targets out of forty.
_PROMETHEUS = "github.com/prometheus/prometheus/cmd"
_DISCOVERY = "remove_all_sd,enable_kubernetes_sd"
PROMETHEUS = Build("prometheus", _TOOLS_MODULE, packages=(f"{_PROMETHEUS}/prometheus",), tags=_DISCOVERY)
# Checks rules in the tests; a cluster runs without it.
PROMTOOL = Build("promtool", _TOOLS_MODULE, packages=(f"{_PROMETHEUS}/promtool",), tags=_DISCOVERY)
# Other projects' controllers, for `make test-all`; their CRDs and webhooks are files of their modules.
KUEUE = Build("kueue", paths.GO_SOURCES / "kueue", packages=("sigs.k8s.io/kueue/cmd/kueue",))
KYVERNO = Build("kyverno", paths.GO_SOURCES / "kyverno", packages=("github.com/kyverno/kyverno/cmd/kyverno",))

CONTROL_PLANE = (KUBE,)
NODE = (KUBE, TOOLS, RUNC, COREDNS, PAUSE)
# `make demo` applies the committed rendering of the chart, and so spares a newcomer Helm's build.
ALL = (
    *NODE,
    PROMETHEUS,
    SLEEP_TRAINER,
    PROMTOOL,
    HELM,
    READ_MANIFESTS,
    HEALTH,
    ACTIONLINT,
    HELM_UNITTEST,
    KUBECONFORM,
    REGISTRY,
)

# The linker leaves debugging data out (-s -w), so the compiler need not make them: an eighth of its work.
_COMPILER_FLAGS = "all=-dwarf=false"
# One `go build` keeps four processors busy. More at a time would each compile what they share, the standard library
# first of all: nobody has compiled it yet when they begin.
_builders = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 4), "go-build")


@functools.cache
def folder(build: Build) -> Path:
    """Where that build's programs lie, or will."""
    return paths.cache() / "bin" / f"{build.name}-{build.key}"


def program(build: Build, name: str | None = None) -> Path:
    """One program of a build that was made before (see ``ensure``)."""
    return folder(build) / (name or build.name)


def ensure(builds: Sequence[Build]) -> None:
    """Build what is not there yet, in that order. Raises ClusterError with the end of the compiler's output."""
    missing = [build for build in builds if not folder(build).is_dir()]
    if not missing:
        return
    if any(build.cgo for build in missing):
        prerequisites.ensure(prerequisites.BUILD)
    compiler = toolchain.go()
    making = [_builders.submit(_make, build, compiler) for build in missing]
    try:
        for one in making:
            one.result()
    finally:
        for one in making:
            one.cancel()  # those behind one that failed


def module_folder(build: Build, module: str) -> Path:
    """Where the sources of a module are that the build was made from (see ``ensure``): manifests lie beside them."""
    command: list[str | Path] = [toolchain.go(), "list", "-m", "-f", "{{.Dir}}", module]
    return Path(run(command, env=_environment(build), cwd=build.module).strip())


def _make(build: Build, compiler: Path) -> None:
    final = folder(build)
    with paths.lock(f"build-{build.name}"):
        if final.is_dir():  # another process made it while this one waited
            return
        final.parent.mkdir(parents=True, exist_ok=True)
        with step(f"build {build.name}"), tempfile.TemporaryDirectory(dir=final.parent, prefix=".half-") as scratch:
            unfinished = Path(scratch) / "bin"
            unfinished.mkdir()
            command: list[str | Path] = [
                compiler,
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags",
                f"-s -w {build.ldflags}".strip(),
                f"-gcflags={_COMPILER_FLAGS}",
            ]
            command += ["-tags", build.tags] if build.tags else []
            # One package is named as the build; several keep the names of their folders.
            target = f"{unfinished}/{build.name}" if len(build.packages) == 1 else f"{unfinished}/"
            run_logged(
                [*command, "-o", target, *build.packages],
                paths.logs() / f"build-{build.name}.log",
                env=_environment(build),
                cwd=build.module,
            )
            for link in build.links:
                (unfinished / link).symlink_to(build.name)
            unfinished.chmod(0o755)
            unfinished.rename(final)
        _forget_older(build)


def _environment(build: Build) -> Mapping[str, str]:
    # GOFLAGS and GOWORK of the user's own could change what is built.
    return {"CGO_ENABLED": str(int(build.cgo)), "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def _forget_older(build: Build) -> None:
    """Each generation of Kubernetes is 140 MB: keep the newest two, for going back and forth between branches."""
    generations = [path for path in folder(build).parent.glob(f"{build.name}-*") if _is_of(path, build)]
    for old in sorted(generations, key=lambda path: path.stat().st_mtime)[:-2]:
        shutil.rmtree(old, ignore_errors=True)


def _is_of(path: Path, build: Build) -> bool:
    return len(path.name) == len(f"{build.name}-{build.key}")
