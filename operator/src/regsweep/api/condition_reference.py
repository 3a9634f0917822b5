"""The page of conditions and reasons, as Markdown."""

from __future__ import annotations

from typing import Final

from regsweep.api.conditions import ConditionType, Reason, Retry
from regsweep.api.markdown import generated_from, table

_RETRY: Final = {Retry.MAY_HELP: "may help", Retry.USELESS: "does not help"}


def condition_page() -> str:
    """The page: all condition types, then the reasons of each, then those of failed runs and of events."""
    parts = [
        generated_from("operator/src/regsweep/api/conditions.py", "the reasons"),
        "# Conditions and reasons\n",
        "`kubectl get rsweep NAME -o yaml` shows the conditions, `kubectl describe rsweep NAME` the events too, "
        "`kubectl wait --for=condition=Complete` waits for one. Programs may rely on types and reasons; messages may change.\n\n",
        table(("Condition", "Meaning while True"), [(f"`{kind}`", kind.meaning) for kind in ConditionType]),
    ]
    for kind in ConditionType:
        rows = [
            (f"`{reason}`", reason.about.meaning, reason.about.remedy, "yes" if reason.about.event else "")
            for reason in Reason
            if kind in reason.about.conditions
        ]
        parts += [f"\n## Reasons of `{kind}`\n", table(("Reason", "Meaning", "What to do", "Event"), rows)]
    failures = [
        (f"`{reason}`", reason.about.meaning, reason.about.remedy, _RETRY[retry])
        for reason in Reason
        if (retry := reason.about.run_failure) is not None
    ]
    parts += [
        "\n## Reasons of failed runs\n",
        "They appear in `status.failures[].reason` and in the records of the run. The first three runs that all fail for one "
        "reason for which a retry does not help stop the sweep (`RunsFailAlike`).\n\n",
        table(("Reason", "Meaning", "What to do", "Retry"), failures),
    ]
    events = [
        (f"`{reason}`", reason.about.meaning, reason.about.remedy)
        for reason in Reason
        if reason.about.event and not reason.about.conditions
    ]
    parts += ["\n## Reasons of events only\n", table(("Reason", "Meaning", "What to do"), events)]
    return "".join(parts)
