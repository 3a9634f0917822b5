"""Builds images from Containerfiles without a registry and without a daemon, on a base made by debootstrap.

Everything is below the cache, in a storage of our own: the user's images are neither used nor seen.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cluster import paths, prerequisites
from cluster.commands import run, run_logged
from cluster.digests import digest
from cluster.errors import ClusterError
from cluster.report import step

BASE_REPOSITORY = "localhost/python"
_RELEASE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
# A third of the base, and nothing of it is read by a program.
_STRIPPED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_EPOCH = 0  # seconds; see `context`
_UV_CACHE = "/var/cache/uv"  # as UV_CACHE_DIR in images/Containerfile has it


@contextlib.contextmanager
def context(sources: Sequence[Path]) -> Iterator[Path]:
    """A folder with those sources (below the checkout) alone, as they lie there: what is not named is not in an image.

    All have one time, so that a fresh clone finds the layers that were built before.
    """
    with tempfile.TemporaryDirectory(dir=_folder("contexts")) as scratch:
        for source in sources:
            target = Path(scratch) / source.relative_to(paths.CHECKOUT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
            else:
                shutil.copyfile(source, target)
        for path in Path(scratch).rglob("*"):
            os.utime(path, (_EPOCH, _EPOCH))
        yield Path(scratch)


def build(
    reference: str,
    context: Path,
    containerfile: Path,
    target: str,
    arguments: Mapping[str, str],
    *,
    anew: bool = False,
) -> None:
    """Build that target of a Containerfile in our storage.

    arguments: beside the base. anew: no layer of an earlier build is taken, and none is kept.
    """
    prerequisites.require_root("building images")
    prerequisites.ensure(prerequisites.IMAGES)
    given = {"BASE": _ensure_base(), **arguments}
    name = reference.rpartition("/")[2].replace(":", "-")
    log = paths.logs() / f"image-{name}.log"
    with step(f"build image {reference}"):
        options = [f"--build-arg={key}={value}" for key, value in given.items()]
        # All files and the image have one time: the same sources are the same image.
        options += [f"--target={target}", f"--timestamp={_EPOCH}"]
        # Without layers nothing of it stays behind but the image.
        options += ["--no-cache", "--layers=false"] if anew else ["--layers"]
        options += [*_certificates(), *_package_cache()]
        command = ["build", "--isolation=chroot", "--pull-never", *options, f"--tag={reference}"]
        command += [f"--file={context / containerfile.relative_to(paths.CHECKOUT)}", str(context)]
        _buildah(command, log)


def identity(reference: str) -> str:
    """The digest of its configuration, and so of all of its layers."""
    return run([*program(), "inspect", "--type=image", "--format={{.FromImageID}}", reference]).strip()


def remove(reference: str) -> None:
    """Take that name of the image out of our storage, and with the last one the image."""
    run([*program(), "rmi", reference])


def export(reference: str, archive: Path) -> None:
    """As `docker save` writes it: not compressed, which is quicker for what stays on this machine (OCI archives are)."""
    unfinished = archive.with_suffix(".half")
    unfinished.unlink(missing_ok=True)
    log = paths.logs() / f"export-{archive.stem}.log"
    with step(f"export image {reference}"):
        _buildah(["push", reference, f"docker-archive:{unfinished}:{reference}"], log)
    unfinished.rename(archive)


def push(archive: Path, destination: str) -> None:
    """To a registry of the user's, logged in as their own buildah, podman or docker is."""
    prerequisites.ensure(prerequisites.IMAGES)
    log = paths.logs() / "push.log"
    with step(f"push {destination}"):
        _buildah(["push", f"docker-archive:{archive}", f"docker://{destination}"], log)


def base_sources() -> list[str]:
    """What the base is made from: part of the identity of every image on it."""
    return [_RELEASE, _PACKAGES, *_STRIPPED]


def base() -> str:
    """The name of the base, by a digest of what it is made from."""
    return f"{BASE_REPOSITORY}:3.11-{digest([], base_sources())}"


def _ensure_base() -> str:
    reference = base()
    done = _folder("base") / reference.rpartition(":")[2]
    with paths.lock("base-image"):
        if done.exists():
            return reference
        log = paths.logs() / "base-image.log"
        with step(f"build image {reference}"), tempfile.TemporaryDirectory(dir=_folder("contexts")) as scratch:
            root = Path(scratch) / "root"
            bootstrap: list[str | Path] = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, root]
            run_logged(bootstrap, log, cwd=Path("/"))
            for unneeded in _STRIPPED:
                shutil.rmtree(root / unneeded, ignore_errors=True)
            for device in (root / "dev").iterdir():
                shutil.rmtree(device) if device.is_dir() and not device.is_symlink() else device.unlink()
            containerfile = Path(scratch) / "Containerfile"
            containerfile.write_text("FROM scratch\nCOPY . /\n")
            _buildah(["build", "--isolation=chroot", f"--tag={reference}", f"--file={containerfile}", str(root)], log)
        done.touch()
    return reference


def forget_older(reference: str) -> None:
    """Images of former sources; the layers that builds begin from, TensorFlow's among them, have no name and stay."""
    repository = reference.rpartition(":")[0]
    listing = ["images", "--no-trunc", "--format={{.Name}}:{{.Tag}}", f"--filter=reference={repository}"]
    for older in run([*program(), *listing]).split():
        if older != reference and older.startswith(f"{repository}:"):
            with contextlib.suppress(ClusterError):  # another process may be reading it
                run([*program(), "rmi", older])


def program() -> list[str]:
    """buildah with our own storage."""
    home = _folder("storage")
    # The user's choice of a driver (vfs inside a container, say) is theirs.
    driver = os.environ.get("STORAGE_DRIVER", "overlay")
    return ["buildah", f"--root={home / 'root'}", f"--runroot={home / 'run'}", f"--storage-driver={driver}"]


def _buildah(arguments: Sequence[str], log: Path) -> None:
    command = [*program(), arguments[0], *_own_network_folder(arguments[0]), *arguments[1:]]
    run_logged(command, log, env={"TMPDIR": str(_folder("tmp"))}, cwd=Path("/"))


def _own_network_folder(command: str) -> list[str]:
    # By default it leaves a lock in /etc/cni, although a build in a chroot has the network of the machine.
    return [f"--cni-config-dir={_folder('cni')}"] if command == "build" else []


def _certificates() -> list[str]:
    """A bundle that this machine was told to trust is trusted while building too, and is not in the image."""
    bundle = os.environ.get("SSL_CERT_FILE")
    return [f"--secret=id=certificates,src={bundle}"] if bundle and Path(bundle).is_file() else []


def _package_cache() -> list[str]:
    """uv's cache: what `uv sync` fetched for the checkout is not fetched again for the images."""
    cache = Path(os.environ.get("UV_CACHE_DIR") or paths.user_cache() / "uv")
    cache.mkdir(parents=True, exist_ok=True)
    return [f"--volume={cache}:{_UV_CACHE}:rw"]


def _folder(name: str) -> Path:
    folder = paths.cache() / "buildah" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
