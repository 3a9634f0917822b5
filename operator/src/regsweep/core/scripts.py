"""A training script in a ConfigMap: its files, its digest, and the copy of it that a sweep owns."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from regsweep.api.canonical import digest
from regsweep.api.foreign import ScriptSource
from regsweep.api.status import ResolvedScript
from regsweep.core.ownership import JsonObject, KubeObject, child_labels, owner_reference
from regsweep.core.sweep import Sweep
from regsweep.errors import Problem

READABLE_LENGTH: Final = 40
HASH_LENGTH: Final = 12
_KEY: Final = re.compile(r"(?!\.\.)[-._a-zA-Z0-9]{1,253}")
"""What the API server accepts, but for `.`, which is no file."""


@dataclass(frozen=True, slots=True)
class ScriptFiles:
    """The files of a ConfigMap; none where it does not exist."""

    config_map: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    exists: bool = True

    @property
    def digest(self) -> str:
        """SHA-256 in hex of names and contents."""
        return digest({name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}, 64)


def script_files(name: str, config_map: KubeObject | None) -> ScriptFiles:
    """The files of a ConfigMap; None: it does not exist. What is no file name or no base64, which no API server stores, is left out."""
    if config_map is None:
        return ScriptFiles(name, exists=False)
    files = {key: str(text).encode() for key, text in (config_map.get("data") or {}).items()}
    for key, text in (config_map.get("binaryData") or {}).items():
        try:
            files[key] = base64.b64decode(str(text), validate=True)
        except binascii.Error:
            continue
    return ScriptFiles(name, {key: content for key, content in files.items() if key != "." and _KEY.fullmatch(key)})


def script_problem(source: ScriptSource, found: ScriptFiles) -> Problem | None:
    """Why the script cannot be trained; None where it can."""
    name = source.config_map_ref.name
    if not found.exists:
        text = f"is {name}, and there is no such ConfigMap. Create it: the sweep then starts."
        return Problem("spec.trainer.script.configMapRef.name", text)
    if source.entrypoint not in found.files:
        keys = ", ".join(sorted(found.files)[:20]) or "none"
        text = f"is {source.entrypoint}, and ConfigMap {name} has no such key. Its keys: {keys}."
        return Problem("spec.trainer.script.entrypoint", text)
    return None


def resolved_script(source: ScriptSource, found: ScriptFiles) -> ResolvedScript:
    """What is pinned of it."""
    return ResolvedScript(digest=found.digest, entrypoint=source.entrypoint)


def changed_script(
    source: ScriptSource | None, pinned: ResolvedScript | None, found: ScriptFiles | None
) -> Problem | None:
    """Why an edit of the script is not followed; None where there is none. A ConfigMap that is gone is no edit: the copy is there."""
    now = None if source is None or found is None or not found.exists else resolved_script(source, found)
    if now == pinned or (source is not None and pinned is not None and now is None):
        return None
    if pinned is None or now is None:
        what = "cannot be added" if pinned is None else "cannot be removed"
    else:
        what = f"has changed ({_shown(pinned)} -> {_shown(now)})"
    text = f"{what}: runs continue with what was pinned when the sweep started. Restore it, or create a new sweep."
    return Problem("spec.trainer.script", text)


def copy_name(sweep: Sweep, pinned: ResolvedScript) -> str:
    """The name of the sweep's own copy."""
    readable = re.sub(r"[^a-z0-9-]", "-", sweep.name.lower())[:READABLE_LENGTH].strip("-") or "sweep"
    return f"{readable}-script-{digest([sweep.uid, pinned.digest], HASH_LENGTH)}"


def script_copy(sweep: Sweep, pinned: ResolvedScript, config_map: KubeObject) -> JsonObject:
    """The immutable ConfigMap that the sweep's pods mount, owned by the sweep."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": copy_name(sweep, pinned),
            "namespace": sweep.namespace,
            "labels": child_labels(sweep),
            "ownerReferences": [owner_reference(sweep)],
        },
        "immutable": True,
        **{part: config_map[part] for part in ("data", "binaryData") if config_map.get(part)},
    }


def _shown(script: ResolvedScript) -> str:
    return f"{script.entrypoint} {script.digest[:HASH_LENGTH]}"
