"""What the operator costs: its writes by the API server's audit log, its memory by the kernel."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError

LEASES = "leases"
_RUNTIME = "pause"


def position(log: Path) -> int:
    """Where the log ends now. Raises BenchError where the API server keeps none."""
    if not log.exists():
        raise BenchError(f"the API server keeps no audit log at {log}: end the cluster and run this again")
    return log.stat().st_size


WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def writes(log: Path, since: int) -> Counter[str]:
    """Writes from that position on, refused ones and dry runs included, by verb and resource (``create jobs``)."""
    found: Counter[str] = Counter()
    for entry in _entries(log, since):
        target = entry["objectRef"]
        if entry["verb"] not in WRITES:
            continue
        resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
        dry = " (dry run)" if "dryRun=" in entry["requestURI"] else ""
        refused = entry.get("responseStatus", {}).get("code", 0)
        answer = f" -> {refused}" if refused >= 400 else ""
        found[f"{entry['verb']} {resource}{dry}{answer}"] += 1
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """When the API server had a request whole and when it had answered it: seconds since the epoch, by its clock."""

    received: float
    answered: float


def job_creations(log: Path, since: int) -> dict[str, Answer]:
    """The Jobs that were created from that position on, by name."""
    found: dict[str, Answer] = {}
    for entry in _entries(log, since):
        target = entry["objectRef"]
        is_create = entry["verb"] == "create" and target["resource"] == "jobs" and "dryRun=" not in entry["requestURI"]
        if is_create and entry["responseStatus"]["code"] == 201:
            found[target["name"]] = Answer(
                _seconds(entry["requestReceivedTimestamp"]), _seconds(entry["stageTimestamp"])
            )
    return found


def _entries(log: Path, since: int) -> Iterator[dict[str, Any]]:
    with log.open("rb") as file:
        file.seek(since)
        # A last line that is still being written is left out.
        whole = file.read().rpartition(b"\n")[0]
    for line in whole.splitlines():
        yield json.loads(line)


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


@dataclass(frozen=True, slots=True)
class Memory:
    """Of all processes of a pod's containers together, in bytes. ``peak`` adds up what each of them had at most."""

    processes: int
    rss: int
    peak: int


def memory(pod_uid: str, proc: Path = Path("/proc")) -> Memory:
    """Resident memory of a pod that runs on this machine. Raises BenchError where it has no process here."""
    rss, peak, count = 0, 0, 0
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The kubelet writes the UID as it is, or with _ for - where systemd makes its cgroups.
            if pod_uid not in (entry / "cgroup").read_text().replace("_", "-"):
                continue
            fields = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended since it was listed
        if fields["Name"].strip() == _RUNTIME or "VmRSS" not in fields:
            continue
        count += 1
        rss += _bytes(fields["VmRSS"])
        peak += _bytes(fields["VmHWM"])
    if not count:
        raise BenchError(f"no process of the pod {pod_uid} is found on this machine")
    return Memory(count, rss, peak)


def _bytes(field: str) -> int:
    """Of a value such as ``1024 kB`` (proc(5))."""
    number, unit = field.split()
    if unit != "kB":
        raise BenchError(f"unknown unit in {field}")
    return int(number) * 1024
