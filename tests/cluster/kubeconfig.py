"""Writes kubeconfigs that need no other file, so that one can be copied and used elsewhere."""

import base64
import json
from pathlib import Path

from cluster.pki import Pair


def write(path: Path, server: str, authority: Path, pair: Pair) -> None:
    """JSON, which is YAML too. Only its owner may read it: it is a key."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "regsweep", "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}
        ],
        "users": [
            {
                "name": "regsweep",
                "user": {
                    "client-certificate-data": _encoded(pair.certificate),
                    "client-key-data": _encoded(pair.key),
                },
            }
        ],
        "contexts": [{"name": "regsweep", "context": {"cluster": "regsweep", "user": "regsweep"}}],
        "current-context": "regsweep",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
