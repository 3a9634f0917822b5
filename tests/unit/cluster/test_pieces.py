"""The pure pieces of the built-in cluster: keys, archives, configurations, and that pins agree with each other."""

import io
import json
import re
import ssl
import subprocess
import tarfile
import threading
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from cluster import __main__ as tool
from cluster import addons, binaries, cgroups, containerd, images, installation, namespaces, node, oci, paths, toolchain
from cluster.digests import digest
from cluster.errors import ClusterError
from cluster.pki import Authority


def test_a_digest_changes_with_content_name_and_words_and_with_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "x.py").write_text("1")
    first = digest([folder])
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("compiled")
    assert digest([folder]) == first
    assert digest([folder], ["word"]) != first
    (folder / "x.py").rename(folder / "y.py")
    assert digest([folder]) != first


def test_an_archive_of_a_program_is_a_whole_image_and_always_the_same(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"ELF")
    archives = [tmp_path / name for name in ("one.tar", "two.tar")]
    for archive in archives:
        oci.write_archive(archive, "localhost/thing:1", {"/bin/program": program}, ["/bin/program"])
    assert archives[0].read_bytes() == archives[1].read_bytes()

    with tarfile.open(archives[0]) as tar:
        content = {entry.name: _read(tar, entry) for entry in tar if entry.isfile()}
    index = json.loads(content["index.json"])
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "localhost/thing:1"
    manifest = json.loads(content[_blob(index["manifests"][0])])
    config = json.loads(content[_blob(manifest["config"])])
    assert config["config"] == {"Entrypoint": ["/bin/program"], "User": "65532:65532", "WorkingDir": "/"}
    with tarfile.open(fileobj=io.BytesIO(content[_blob(manifest["layers"][0])])) as layer:
        assert [(entry.name, entry.mode) for entry in layer] == [("bin", 0o755), ("bin/program", 0o755)]


def test_certificates_are_trusted_by_strict_clients(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("kubelet", "system:node:a", ["system:nodes"], ["a", "10.0.0.1"])
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pair.certificate.read_bytes()))
    assert certificate.subject.rfc4514_string() == "CN=system:node:a,O=system:nodes"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    context = ssl.create_default_context(cafile=str(authority.pair.certificate))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(pair.certificate, pair.key)


@pytest.mark.parametrize(
    ("files", "trees"),
    [
        pytest.param(["cgroup.controllers", "cgroup.procs"], ["."], id="version 2"),
        pytest.param(["cpu/cgroup.procs", "memory/cgroup.procs"], ["cpu", "memory"], id="version 1"),
        pytest.param(
            ["cpu/cgroup.procs", "unified/cgroup.procs", "unified/cgroup.controllers", "not-a-tree/file"],
            ["cpu", "unified"],
            id="both, and something else",
        ),
    ],
)
def test_every_tree_of_cgroups_gets_one_of_ours(tmp_path: Path, files: list[str], trees: list[str]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert cgroups.trees(tmp_path) == [(tmp_path / tree).resolve() for tree in trees]
    states = Path("/cache/clusters/a"), Path("/other-cache/clusters/a")
    for state in (*states, *states):
        cgroups.create(state, tmp_path)
    assert all(len(list((tmp_path / tree).glob("regsweep-a-*"))) == len(states) for tree in trees)


@pytest.mark.parametrize(
    ("cache", "bound_back"),
    [
        pytest.param("/home/ann/.cache/regsweep", False, id="a home folder"),
        pytest.param("/var/lib/jenkins/.cache/regsweep", True, id="a service's home below what is hidden"),
    ],
)
def test_the_node_sees_the_cache_although_it_hides_the_hosts_folders(cache: str, bound_back: bool) -> None:
    script = namespaces.setup_script(Path(cache, "clusters/a"), Path(cache), Path(cache, "bin/pause"))
    assert (f"mount --rbind /run/cache {cache}" in script) is bound_back
    assert script.endswith(f"exec {cache}/bin/pause")
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        pytest.param(None, False, id="no node yet"),
        pytest.param({}, False, id="nothing reported yet"),
        pytest.param({"conditions": [{"type": "Ready", "status": "True"}]}, False, id="ready without GPUs"),
        pytest.param({"allocatable": {"nvidia.com/gpu": "8"}}, False, id="GPUs, not ready"),
        pytest.param(
            {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"nvidia.com/gpu": "8"}},
            True,
            id="ready with its GPUs",
        ),
    ],
)
def test_a_node_is_ready_when_it_takes_pods_that_want_gpus(status: dict[str, Any] | None, ready: bool) -> None:
    assert node.is_ready(None if status is None else {"status": status}) is ready


def test_the_runtime_keeps_to_its_own_folders_and_programs() -> None:
    config = containerd.containerd_config(
        Path("/c/root"), Path("/c/cni"), Path("/c/opt"), "localhost/pause:1", "overlayfs"
    )
    assert 'root = "/c/root"' in config
    assert "restrict_oom_score_adj = true" in config
    assert str(binaries.program(binaries.RUNC)) in config


@pytest.mark.parametrize(
    ("present", "unused"),
    [
        pytest.param({}, [], id="an empty store"),
        pytest.param(
            {"localhost/trainer:2": "sha256:m2", "sha256:c2": "sha256:m2"}, [], id="the current image and its digest"
        ),
        pytest.param(
            {
                "localhost/trainer:1": "sha256:m1",
                "sha256:c1": "sha256:m1",
                "localhost/trainer:2": "sha256:m2",
                "sha256:c2": "sha256:m2",
            },
            ["localhost/trainer:1", "sha256:c1"],
            id="an older tag goes with its digest",
        ),
        pytest.param({"sha256:c0": "sha256:m0"}, ["sha256:c0"], id="a digest whose tag went long ago"),
        pytest.param(
            {"localhost/trainer:1": "sha256:m", "localhost/trainer:2": "sha256:m", "sha256:c": "sha256:m"},
            ["localhost/trainer:1"],
            id="two tags of one image",
        ),
        pytest.param(
            {"localhost/trainer-of-mine:1": "sha256:m1", "sha256:c1": "sha256:m1", "registry.example/trainer:1": "x"},
            [],
            id="what the user loaded",
        ),
    ],
)
def test_images_that_nobody_needs_are_removed_and_no_others(present: dict[str, str], unused: list[str]) -> None:
    assert containerd.unused(present, {"trainer": "localhost/trainer:2"}) == unused
    left = {reference: digest for reference, digest in present.items() if reference not in unused}
    assert containerd.unused(left, {"trainer": "localhost/trainer:2"}) == []


def test_images_are_read_from_what_ctr_tells() -> None:
    told = (
        "REF                 TYPE                                       DIGEST     SIZE    PLATFORMS   LABELS\n"
        "localhost/pause:1   application/vnd.oci.image.manifest.v1+json sha256:m1  1.4 MiB linux/amd64 a=b\n"
        "sha256:c1           application/vnd.oci.image.manifest.v1+json sha256:m1  0.0 B   -           -\n"
    )
    assert containerd.parse_images(told) == {"localhost/pause:1": "sha256:m1", "sha256:c1": "sha256:m1"}
    assert containerd.parse_images("REF TYPE DIGEST SIZE PLATFORMS LABELS\n") == {}


def test_prometheus_scrapes_as_documented_but_every_second() -> None:
    told = yaml.safe_load((paths.CHECKOUT / "manifests/monitoring/scrape-config.yaml").read_text())
    manifests = list(yaml.safe_load_all(addons.prometheus("localhost/prometheus:1")))
    config_map = next(one for one in manifests if one["kind"] == "ConfigMap")
    jobs = yaml.safe_load(config_map["data"]["prometheus.yml"])["scrape_configs"]
    assert [job["job_name"] for job in jobs] == [job["job_name"] for job in told["scrape_configs"]]
    assert [job["relabel_configs"] for job in jobs] == [job["relabel_configs"] for job in told["scrape_configs"]]
    assert {job["scrape_interval"] for job in jobs} == {"1s"}


def test_installing_puts_in_the_images_that_were_built() -> None:
    references = {
        "regsweep-operator": "localhost/regsweep-operator:1",
        "regsweep-trainer": "localhost/regsweep-trainer:2",
    }
    rendered = installation.render(references, "http://p:9090", {"REGSWEEP_WORKERS": "1"})
    deployment = next(one for one in yaml.safe_load_all(rendered) if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert container["image"] == "localhost/regsweep-operator:1"
    assert environment["REGSWEEP_TRAINER_IMAGE"] == "localhost/regsweep-trainer:2"
    assert environment["REGSWEEP_PROMETHEUS_URL"] == "http://p:9090"
    assert environment["REGSWEEP_WORKERS"] == "1"


@pytest.mark.parametrize(
    ("build", "version"),
    [
        pytest.param(binaries.KUBE, binaries.KUBERNETES, id="the built-in cluster's"),
        pytest.param(binaries.KUBE_OLDEST, binaries.OLDEST_KUBERNETES, id="the oldest"),
        pytest.param(binaries.KUBE_NEWEST, binaries.NEWEST_KUBERNETES, id="the newest"),
    ],
)
def test_the_version_that_kubernetes_reports_is_the_one_that_is_built(build: binaries.Build, version: str) -> None:
    module = (build.module / "go.mod").read_text()
    assert re.findall(r"^\tk8s.io/kubernetes v(\S+)", module, re.MULTILINE) == [version]
    staging = set(re.findall(r"=> k8s.io/(?!kube-controller-manager )\S+ v(\S+)", module))
    assert staging == {version.replace("1.", "0.", 1)}
    assert f"gitVersion=v{version} " in build.ldflags


def test_the_oldest_kubernetes_that_the_chart_takes_is_one_that_is_tested() -> None:
    chart = yaml.safe_load((paths.CHECKOUT / "charts" / "regsweep" / "Chart.yaml").read_text())
    minor = binaries.OLDEST_KUBERNETES.rpartition(".")[0]
    assert chart["kubeVersion"] == f">={minor}.0-0"
    for page in ("README.md", "docs/install.md", "charts/regsweep/README.md"):
        assert f"Kubernetes {minor} or later" in (paths.CHECKOUT / page).read_text(), page


def test_manifests_are_read_by_the_packages_of_the_kubectl_that_is_built() -> None:
    kube, manifests = (
        dict(re.findall(r"(\S+)(?: => \S+)? v([0-9]\S*)", (paths.GO_SOURCES / module / "go.mod").read_text()))
        for module in ("kube", "manifests")
    )
    readers = (
        "k8s.io/apimachinery",
        "k8s.io/cli-runtime",
        "sigs.k8s.io/yaml",
        "sigs.k8s.io/json",
        "go.yaml.in/yaml/v2",
    )
    assert {name: manifests[name] for name in readers} == {name: kube[name] for name in readers}


def test_behind_a_program_that_does_not_build_no_other_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, told = [], threading.Event()

    def make(build: binaries.Build, compiler: Path) -> None:
        begun.append(build.name)
        if build.name == "b":
            raise ClusterError("b does not build")
        if build.name == "c":  # may have been begun before anybody heard of it
            told.wait(20)

    monkeypatch.setattr(binaries, "folder", lambda build: tmp_path / "not built")
    monkeypatch.setattr(toolchain, "go", lambda: Path("go"))
    monkeypatch.setattr(binaries, "_make", make)
    with ThreadPoolExecutor(1) as one_at_a_time:
        monkeypatch.setattr(binaries, "_builders", one_at_a_time)
        with pytest.raises(ClusterError, match="b does not build"):
            binaries.ensure([binaries.Build(name, tmp_path) for name in "abcd"])
        told.set()
    assert begun in (["a", "b"], ["a", "b", "c"])


def test_makefile_and_images_use_one_version_of_uv() -> None:
    files = ("Makefile", "images/Containerfile")
    pins = {re.findall(r"UV_VERSION ?:?= ?([0-9.]+)", (paths.CHECKOUT / file).read_text())[0] for file in files}
    assert len(pins) == 1


def test_bare_make_names_every_target_that_has_a_help_text() -> None:
    told = subprocess.run(["make"], cwd=paths.CHECKOUT, capture_output=True, text=True, check=True).stdout
    wanted = (
        "run demo test test-unit test-integration test-e2e lint verify manifests images cluster-up cluster-down "
        "bench-control-loop clean"
    )
    assert set(wanted.split()) <= set(re.findall(r"^  make (\S+) +\S", told, re.MULTILINE))


def test_an_images_tag_changes_with_its_sources_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "Containerfile").write_text("FROM x")
    image = images.ContainerfileImage("a", tmp_path / "Containerfile", "a", [tmp_path / "src"])
    before = images.reference(image)
    (tmp_path / "README").write_text("not a source")
    assert images.reference(image) == before
    (tmp_path / "src" / "main.py").write_text("1")
    assert images.reference(image) != before


def test_what_the_containerfile_copies_is_what_the_images_tags_depend_on() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+)$", (paths.CHECKOUT / "images/Containerfile").read_text(), re.MULTILINE)
    copied = {paths.CHECKOUT / source for line in lines for source in line.split()[:-1]}
    assert copied == {*images.TRAINER.sources, *images.OPERATOR.sources}


def test_images_are_built_with_every_member_of_the_workspace() -> None:
    settings = tomllib.loads((paths.CHECKOUT / "pyproject.toml").read_text())
    manifests = {
        paths.CHECKOUT / member / "pyproject.toml" for member in settings["tool"]["uv"]["workspace"]["members"]
    }
    for image in (images.TRAINER, images.OPERATOR):
        assert manifests <= set(image.sources)  # without one uv refuses the lock file
    assert {path.parent / "src" for path in manifests if "operator" not in path.parts} <= set(images.TRAINER.sources)


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read()


def _blob(descriptor: dict[str, Any]) -> str:
    return "blobs/sha256/" + str(descriptor["digest"]).removeprefix("sha256:")


@pytest.mark.parametrize(
    ("names", "pushed"),
    [
        pytest.param([], ["regsweep-trainer", "regsweep-operator"], id="what a person installs"),
        pytest.param(["regsweep-trainer-gpu"], ["regsweep-trainer-gpu"], id="what they name"),
    ],
)
def test_what_is_pushed_to_a_persons_registry_is_what_they_install(
    names: list[str], pushed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Registry:
        def load(self, wanted: Iterable[images.Image]) -> dict[str, str]:
            return {image.name: f"registry.test/you/{image.name}" for image in wanted}

    monkeypatch.setenv("CLUSTER", "current")
    monkeypatch.setattr(tool, "CurrentCluster", Registry)
    assert tool.main(["images", *names]) == 0
    assert capsys.readouterr().out.split() == [f"registry.test/you/{name}" for name in pushed]
