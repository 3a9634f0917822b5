"""Writes images of programs that need nothing but themselves: no base, no builder, the same bytes every time."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_MEDIA = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(
    archive: Path, reference: str, files: Mapping[str, Path], entrypoint: Sequence[str], user: str = "65532:65532"
) -> None:
    """An OCI archive with one layer that holds ``files`` (path in the image -> file here), readable by all."""
    layer = _tar({name.lstrip("/"): source.read_bytes() for name, source in files.items()}, mode=0o755)
    config = _encode(
        {
            "architecture": architecture(),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "User": user, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created_by": "regsweep tests/cluster"}],
        }
    )
    manifest = _encode(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": _descriptor(config, f"{_MEDIA}.config.v1+json"),
            "layers": [_descriptor(layer, f"{_MEDIA}.layer.v1.tar")],
        }
    )
    described = _descriptor(manifest, f"{_MEDIA}.manifest.v1+json")
    described["annotations"] = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
    }
    described["platform"] = {"architecture": architecture(), "os": "linux"}
    index = _encode({"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": [described]})
    blobs = {f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}": blob for blob in (layer, config, manifest)}
    layout = {"oci-layout": _encode({"imageLayoutVersion": "1.0.0"}), "index.json": index}
    unfinished = archive.with_suffix(".half")
    unfinished.write_bytes(_tar(layout | blobs, mode=0o644))
    unfinished.rename(archive)


def architecture() -> str:
    """The machine's, as Go and OCI call it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _descriptor(blob: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
