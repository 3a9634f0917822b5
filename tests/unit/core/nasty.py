"""Inputs that have been, or may be, an operator's undoing: one table for each kind of thing that others write.

For objects: by name what is laid over an ordinary one, path to value; ABSENT takes a part away. All is what the API server would
store there: it checks types, not sense.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

ABSENT: Final = object()
Path = tuple[str | int, ...]
Patch = Mapping[Path, Any]

TIMES: Final = (
    "0000-01-01T00:00:00Z",
    "-001-12-31T00:01:00Z",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2026-11-23T12:00:00.000001Z",
    "9999-12-31T23:59:59Z",
    "10000-01-01T00:59:59Z",
)
"""As the API server writes them, which reads `0000-01-01T00:00:00+23:59`, too."""
LONG: Final = "x" * 70_000
MANY: Final = ",".join(["0-999999999"] * 5000)
DEEP: Final = "[" * 60_000
NUMBERS: Final = (
    "-1",
    "0",
    "1e9",
    "1e999999999",
    "9" * 30,
    "999999999999",
    "NaN",
    "Infinity",
    "-Infinity",
    "0x10",
    "",
    " 7",
    "٣",
    "²",
)
"""Texts that a careless reader takes for numbers."""

_NOTES: Final = ("replicates", "first-replicate", "replicates-per-pod", "attempt", "lost", "moved", "gpu-seconds")

JOBS: Final[Mapping[str, Patch]] = {
    **{
        f"{note} {text[:14]}": {("metadata", "annotations", f"regsweep.dev/{note}"): text}
        for note in _NOTES
        for text in NUMBERS
    },
    **{f"created {time}": {("metadata", "creationTimestamp"): time} for time in TIMES},
    **{f"completed {time}": {("status", "completionTime"): time} for time in TIMES},
    **{f"failed {time}": {("status", "conditions", 0, "lastTransitionTime"): time} for time in TIMES},
    **{f"deleted {time}": {("metadata", "deletionTimestamp"): time} for time in TIMES},
    "no annotations": {("metadata", "annotations"): None},
    "no owner": {("metadata", "ownerReferences"): ABSENT},
    "two owners": {("metadata", "ownerReferences"): [{"kind": "A", "uid": "a"}, {"uid": "b", "controller": True}]},
    "no status": {("status",): ABSENT},
    "nothing in the status": {("status",): {}},
    "indexes without end": {("status", "completedIndexes"): MANY, ("status", "failedIndexes"): MANY},
    "indexes backwards": {("status", "completedIndexes"): "5-2,-1,--,0-,²,٣", ("status", "failedIndexes"): ""},
    "a condition with nothing in it": {("status", "conditions"): [{"type": "", "status": ""}] * 50},
    "no conditions": {("status", "conditions"): None},
    "both ends": {("status", "conditions"): [{"type": kind, "status": "True"} for kind in ("Complete", "Failed")]},
    "more pods at once than there are": {("spec", "parallelism"): 2**31 - 1},
    "no completions": {("spec", "completions"): ABSENT},
    "as many completions as there may be": {("spec", "completions"): 2**31 - 1},
    "nodes without end": {("metadata", "annotations", "regsweep.dev/avoided-nodes"): "n," * 100_000},
    "a mark of Kueue": {("spec", "template", "metadata", "labels"): {"kueue.x-k8s.io/podset": LONG}},
    "no containers": {("spec", "template", "spec", "containers"): []},
    "an objective that nests": {
        ("spec", "template", "spec", "containers", 0, "env"): [{"name": "REGSWEEP_OBJECTIVE", "value": DEEP}]
    },
}

PODS: Final[Mapping[str, Patch]] = {
    **{f"created {time}": {("metadata", "creationTimestamp"): time} for time in TIMES},
    **{f"deleted {time}": {("metadata", "deletionTimestamp"): time} for time in TIMES},
    **{
        f"started {time}": {("status", "containerStatuses", 0, "state"): {"running": {"startedAt": time}}}
        for time in TIMES
    },
    **{f"pod started {time}": {("status", "startTime"): time, ("status", "containerStatuses"): []} for time in TIMES},
    **{
        f"ended {time}": {("status", "containerStatuses", 0, "state", "terminated", end): time}
        for end in ("startedAt", "finishedAt")
        for time in TIMES
    },
    **{
        f"grace {seconds}": {
            ("metadata", "deletionTimestamp"): "2026-11-23T12:00:00Z",
            ("metadata", "deletionGracePeriodSeconds"): seconds,
        }
        for seconds in (-(2**63), -1, 0, 2**63 - 1)
    },
    **{
        f"exit code {code}": {("status", "containerStatuses", 0, "state", "terminated", "exitCode"): code}
        for code in (-(2**31), 2**31 - 1)
    },
    **{f"index {text[:12]}": {("metadata", "name"): f"run-{text}-abcde"} for text in NUMBERS},
    "a name of nothing": {("metadata", "name"): "-"},
    "no status": {("status",): ABSENT},
    "a state of nothing": {("status", "containerStatuses", 0, "state"): {}},
    "no state": {("status", "containerStatuses", 0, "state"): ABSENT},
    "an end of nothing": {("status", "containerStatuses", 0, "state"): {"terminated": {"exitCode": 0}}},
    "no owner": {("metadata", "ownerReferences"): []},
    "its own owner": {("metadata", "ownerReferences"): [{"uid": "pod", "controller": True}]},
    "no labels": {("metadata", "labels"): None, ("metadata", "annotations"): None},
    "conditions without end": {("status", "conditions"): [{"type": "PodScheduled", "status": "False"}] * 1000},
    "a phase of another version": {("status", "phase"): "Resting"},
    "words without end": {("status", "message"): LONG, ("status", "reason"): LONG},
    "waits for something new": {("status", "containerStatuses", 0, "state"): {"waiting": {}}},
    "a limit that is none": {("spec", "containers", 0, "resources"): {"limits": {"memory": 2**63 - 1}}},
    "no resources": {("spec", "containers", 0, "resources"): {}},
    "many containers": {("spec", "initContainers"): [{"name": f"c{n}", "restartPolicy": "Always"} for n in range(500)]},
}

RESULTS: Final[Mapping[str, Patch]] = {
    **{
        f"{field} {number}": {("records", 0, field): number}
        for field in ("replicate", "attempt", "epochs")
        for number in (0, 2**63 - 1)
    },
    **{f"GPU-seconds {n}": {("records", k, "gpuSeconds"): n for k in (0, 1)} for n in (0, 5e-324, 1.7e308, 2**63 - 1)},
    **{
        f"values {n}": {("records", 0, "metrics", "val_average_loss"): n, ("records", 0, "best", "val"): n}
        for n in (-1.7e308, 5e-324, 1.7e308)
    },
    **{
        f"begun {text}": {("records", 0, "start"): text}
        for text in (*TIMES, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "", "now")
    },
    **{
        f"ended {text}": {("records", 0, "end"): text}
        for text in (*TIMES, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23")
    },
    "no sequence that comes next": {("sequence",): 2**63 - 1},
    "nothing but what must be": {("points",): ABSENT, ("environments",): ABSENT, ("records",): ABSENT},
    "no environments": {("environments",): []},
    "an environment that is not there": {("records", 0, "environment"): "ffffffff"},
    "a rule of nothing": {("environments", 0, "rule"): {"metric": "", "goal": "Minimize"}},
    "rows without end": {("environments", 0, "trainRows"): 2**63 - 1, ("environments", 0, "valRows"): 0},
    "no metrics": {("records", 0, "metrics"): {}},
    "a metric of nothing": {("records", 0, "metrics"): {"": 0.5}},
    "a late best": {("records", 0, "best"): {"epoch": 2**63 - 1}},
    "a failure of nothing": {
        ("records", 0, "outcome"): "Failed",
        ("records", 0, "reason"): "",
        ("records", 0, "message"): "",
    },
    "a result of a later version": {("records", 0, "outcome"): "Unknown", ("records", 0, "source"): "Unknown"},
    "losses that are none": {("records", 0, "test"): {"rows": "", "losses": "*" * 4096}},
    "flags that nest": {("points", 0, "flags"): {"l2": [[[[[{"a": [None]}]]]]], "": None}},
    "one replicate many times": {
        ("records",): [
            {"point": "abc", "replicate": 0, "outcome": "Failed", "run": "r", "attempt": n} for n in range(256)
        ]
    },
}

_MESSAGE: Final = (
    '{"version":1,"columns":["val_average_loss"],'
    '"records":[[0,"Ok",3,[%s],%s]],"times":{"start":%s,"replicates":[[%s,%s]]}%s}'
)

MESSAGES: Final[Mapping[str, str]] = {
    "nothing": "",
    "spaces": " \n\t",
    "null": "null",
    "a number": "9" * 4000,
    "a list": "[]",
    "nested": DEEP,
    "objects nested": '{"a":' * 20_000,
    "cut": _MESSAGE[:60],
    "a surrogate": '{"version":1,"device":"\\ud800"}',
    "NUL": "\x00" * 4096,
    "twice the same name": '{"version":1,"version":2}',
    "huge values": _MESSAGE % ("1.7e308", "[1,1.7e308,-1.7e308]", 0, 0, 0, ""),
    "values beyond floats": _MESSAGE % ("1e999", "null", 0, 0, 0, ""),
    "NaN": _MESSAGE % ("NaN", "null", 0, 0, 0, ""),
    "a start of Infinity": _MESSAGE % ("0.5", "null", "Infinity", 0, 0, ""),
    "a start in the last year": _MESSAGE % ("0.5", "null", 253_402_300_799, 0, 0, ""),
    "a start before all": _MESSAGE % ("0.5", "null", -(2**63), 0, 0, ""),
    "a training without end": _MESSAGE % ("0.5", "null", 4_102_444_800, 0, "1e300", ""),
    "backwards": _MESSAGE % ("0.5", "null", 0, 315_360_000, 0, ""),
    "GPUs without end": _MESSAGE % ("0.5", "null", 0, 0, 315_360_000, ',"gpus":65536'),
    "an epoch without end": _MESSAGE % ("0.5", f"[{10**30},0.5,0.5]", 0, 0, 1, ""),
    "a number of 5,000 digits": _MESSAGE % ("9" * 5000, "null", 0, 0, 1, ""),
    "a thousand records": f'{{"version":1,"columns":[],"records":[{",".join(["[0,1]"] * 1000)}]}}',
    "longer than is read": f'{{"version":1,"device":"{LONG}"}}',
}

_SERIES: Final = (
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":'
    '{"__name__":"regsweep_trainer_%s","pod":"p","replicate":"%s"},"value":[%s,"%s"]}]}}'
)

ANSWERS: Final[Mapping[str, str]] = {
    "nothing": "",
    "a page": "<html>",
    "null": "null",
    "no data": '{"status":"success","data":null}',
    "nested": DEEP,
    "a list": '{"status":"success","data":{"resultType":"vector","result":null}}',
    "an error of nothing": '{"status":"error"}',
    "an error without end": f'{{"status":"error","error":"{LONG}"}}',
    "warnings without end": f'{{"status":"success","warnings":[{",".join(["0"] * 9000)}]}}'.replace("0", '"w"'),
    **{
        f"{name} {text[:12]}": _SERIES % (name, 0, 1, text)
        for name in ("epoch", "epochs", "best_epoch", "complete", "metric")
        for text in (*NUMBERS, "1e308", "9" * 5000)
    },
    **{f"replicate {text[:12]}": _SERIES % ("metric", text, 1, "0.5") for text in NUMBERS},
    **{
        f"at {text[:12]}": _SERIES % ("metric", 0, text, "0.5")
        for text in ("1e308", "-1", "NaN", "Infinity", "1e999", "9" * 5000, "null", '"1"')
    },
}


def laid_over(original: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """The object with these parts instead of its own."""
    result = copy.deepcopy(dict(original))
    for path, value in patch.items():
        put(result, path, value)
    return result


def put(whole: Any, path: Path, value: Any) -> None:
    """Puts the value there, unless an earlier change took the place away."""
    below = whole
    for step in path[:-1]:
        try:
            below = below[step]
        except (KeyError, IndexError, TypeError):
            return
    last: Any = path[-1]
    if isinstance(below, dict) and value is ABSENT:
        below.pop(last, None)
    elif isinstance(below, dict) or (isinstance(below, list) and isinstance(last, int) and last < len(below)):
        below[last] = copy.deepcopy(value)


def places(value: Any, path: Path = ()) -> Iterable[Path]:
    """All places within the value but itself."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield (*path, step)
        yield from places(below, (*path, step))
