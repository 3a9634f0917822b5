"""Volumes of the node's folders, and claims on them."""

from __future__ import annotations

from pathlib import Path

from support.stage import Json, Lab


def claimed(lab: Lab, name: str, folder: Path, mode: str = "ReadWriteMany") -> tuple[Json, Json]:
    """A volume of this folder of the node, called as the lab's namespace, and the claim that has it."""
    common = {"accessModes": [mode], "storageClassName": ""}
    return (
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": lab.namespace},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": str(folder), "type": "Directory"},
                "claimRef": {"namespace": lab.namespace, "name": name},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": lab.namespace},
        },
    )
