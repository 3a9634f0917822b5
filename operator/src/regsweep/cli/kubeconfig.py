"""The namespace that kubectl would take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT = "default"


def current_namespace(kubeconfig: Path | None, context: str | None) -> str:
    """Namespace of the context (None: the current one), or of the pod that this runs in, or `default`.

    A kubeconfig that cannot be read says nothing here: connecting with it fails in better words.
    """
    if kubeconfig is None and context is None and IN_POD.is_file():
        return IN_POD.read_text().strip() or DEFAULT
    contexts: dict[str, str] = {}
    for document in _documents(kubeconfig):
        context = context or _text(document.get("current-context"))
        entries = document.get("contexts")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("context"), dict):
                # As in kubectl, the first file that names a context wins.
                contexts.setdefault(str(entry.get("name")), _text(entry["context"].get("namespace")))
    return contexts.get(context or "", "") or DEFAULT


def _documents(kubeconfig: Path | None) -> Iterator[dict[str, object]]:
    if kubeconfig is not None:
        paths = [kubeconfig]
    else:
        listed = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        paths = [Path(path) for path in listed.split(os.pathsep) if path]
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            continue
        if isinstance(document, dict):
            yield document


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
