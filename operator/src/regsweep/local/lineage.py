"""What earlier trainings of a runs directory rest on, beside what they would rest on now: which are trained again, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import JsonValue

from regsweep.api.canonical import canonical_json
from regsweep.api.objective import EpochRule, epoch_rule, objective_status, ranked_rule
from regsweep.api.status import ObjectiveStatus
from regsweep.api.wording import plural
from regsweep.core.data import change_of
from regsweep.core.grid import combination_id
from regsweep.core.results.records import Records
from regsweep.core.standings import Target, is_done
from regsweep.core.sweep import Point, Sweep
from regsweep.local.facts import DataFacts, OuterFacts, RuleFacts, RunFacts
from regsweep.local.identify import DataIdentity
from regsweep.local.settings import changed_files, differences, shown
from regsweep.local.trainer import TrainerCommand, of_generation

SHOWN_DIGITS: Final = 8
"""Of a digest that is shown alone."""
MOST_LISTED: Final = 3
"""Changes or files that a sentence names."""
MOST_VALUE: Final = 40
"""Characters of a value in a sentence."""


class Cause(NamedTuple):
    """Why a training's result is not one of the sweep as it is now."""

    text: str
    """As the beginning of a sentence; empty: a version trained it that did not note what it rests on."""
    subject: str
    """What is old: `data`, `objective`, `trainer` ..."""


def data_facts(data: DataIdentity) -> DataFacts:
    """As a run's file has it."""
    return DataFacts(
        digest=data.digest,
        generation=data.generation,
        backend=data.backend,
        by_trainer=data.by_trainer,
        answers=data.answers,
        files=dict(data.files),
        settings=dict(data.settings),
    )


def outer_facts(point: Point) -> OuterFacts | None:
    """As a run's file has it."""
    return OuterFacts(fold=point.outer.fold, folds=point.outer.folds) if point.outer is not None else None


def rule_facts(objective: ObjectiveStatus) -> RuleFacts:
    """As a run's file has it."""
    rule = epoch_rule(objective)
    return RuleFacts(metric=rule.metric, goal=rule.goal, ranked=ranked_rule(objective) is not None)


def known_data(facts: Iterable[RunFacts], trainer: TrainerCommand) -> DataIdentity | None:
    """Data of the latest run of this trainer; None if no run has recorded them."""
    names = {trainer.identity, of_generation(trainer, 0).identity}
    own = [each for each in facts if each.trainer in names and each.data is not None]
    latest = max(own, key=_begun, default=None)
    if latest is None or latest.data is None:
        return None
    return DataIdentity(**{**latest.data.model_dump(), "settings": latest.data.settings or {}})


def basis(data: DataIdentity) -> str:
    """What results rest on, as a sentence; empty where nothing is known."""
    files = f" of {_listed(list(data.files))}" if data.files else ""
    parts = [f"data {data.digest[:SHOWN_DIGITS]} (SHA-256{files})"] if data.digest else []
    if data.generation is not None:
        parts.append(f"generation {data.generation} of the trainer{f' on {data.backend}' if data.backend else ''}")
    if settings := shown(data.settings):
        parts.append(f"the environment ({_listed(settings)})")
    return f"Results rest on {' and on '.join(parts)}." if parts else ""


def environment_note(data: DataIdentity) -> str:
    """That the environment decides something, as a sentence; empty: nothing that is known."""
    settings = shown(data.settings)
    return (
        f"note: the environment sets {_listed(settings)}: results of other settings are other results."
        if settings
        else ""
    )


def changes(
    sweep: Sweep, targets: Sequence[Target], facts: Iterable[RunFacts], records: Records, data: DataIdentity
) -> list[str]:
    """What was changed since earlier trainings, and how many are trained again for it, a sentence each."""
    by_flags: dict[str, list[RunFacts]] = {}
    for each in sorted(facts, key=_begun, reverse=True):
        if not each.final and each.outer is None:
            by_flags.setdefault(combination_id(each.flags), []).append(each)
    counts: Counter[Cause] = Counter()
    for target in targets:
        earlier = by_flags.get(target.point.combination.id, ())
        stored = records.of(target.point.key)
        for replicate in range(target.replicates):
            if is_done(stored.get(replicate), sweep):
                continue
            latest = next((each for each in earlier if _has_result(each, replicate, records)), None)
            if latest is not None and (cause := _cause(latest, sweep, data)) is not None:
                counts[cause] += 1
    total = sum(target.replicates for target in targets)
    return [_sentence(cause, count, total) for cause, count in counts.items()]


def other_packages(
    sweep: Sweep,
    targets: Sequence[Target],
    facts: Iterable[RunFacts],
    records: Records,
    packages: Mapping[str, str],
) -> str:
    """That something is trained with other versions of packages than results that are kept, as a sentence; empty: it is not."""
    runs = {each.run: each for each in facts}
    wanted = [(target.point.key, replicate) for target in targets for replicate in range(target.replicates)]
    stored = [record for key, replicate in wanted if (record := records.get(key, replicate)) is not None]
    done = [record for record in stored if is_done(record, sweep)]
    trained_by = [runs[record.run] for record in done if record.has_result and record.run in runs]
    other = [each for each in trained_by if packages and each.packages and each.packages != packages]
    if not other or len(done) == len(wanted):
        return ""
    before = max(other, key=_begun).packages
    names = sorted(name for name in before.keys() | packages.keys() if before.get(name) != packages.get(name))
    changed = _listed([f"{name} {before.get(name, 'absent')}, now {packages.get(name, 'absent')}" for name in names])
    return (
        f"note: {len(other)} of {plural(len(trained_by), 'result')} were trained with other packages ({changed}): they are kept, and "
        "compared with new ones as unpaired."
    )


def _begun(facts: RunFacts) -> str:
    """When the run was begun last, to sort by."""
    return max((process.started_at for process in facts.processes), default="")


def _has_result(facts: RunFacts, replicate: int, records: Records) -> bool:
    record = records.of(facts.point_key).get(replicate)
    return record is not None and record.has_result


def _sentence(cause: Cause, count: int, total: int) -> str:
    again = "is trained again" if count == 1 else "are trained again"
    if not cause.text:
        earlier = "results of an earlier version of regsweep, which did not record their data, are kept"
        return f"{earlier}; {count} of {total} trainings {again}."
    rest = "rests" if count == 1 else "rest"
    return f"{cause.text}: {count} of {total} trainings {rest} on the old {cause.subject} and {again}."


def _cause(facts: RunFacts, sweep: Sweep, data: DataIdentity) -> Cause | None:
    """Why results of this run do not belong to the present sweep; None if nothing differs."""
    if facts.key_version is None or facts.data is None:
        return Cause("", "")
    causes = [*_trainer_changes(facts, facts.data, sweep, data), *_manifest_changes(facts, sweep)]
    if not causes:
        return None
    if len(causes) == 1:
        return causes[0]
    more = len(causes) - MOST_LISTED
    texts = [cause.text for cause in causes[:MOST_LISTED]] + ([f"{more} more changes"] if more > 0 else [])
    return Cause(" and ".join(texts), "state")


def _trainer_changes(facts: RunFacts, before: DataFacts, sweep: Sweep, data: DataIdentity) -> Iterator[Cause]:
    """What the manifest does not show: the data and the trainer."""
    if before.by_trainer != data.by_trainer:
        yield Cause(f"the data are identified by {'the trainer' if data.by_trainer else 'their files'} now", "digest")
    elif before.digest != data.digest:
        yield Cause(f"the data changed ({_change(before, data)})", "data")
    if facts.trainer != sweep.resolved.image:
        yield Cause("the trainer changed", "trainer")
    elif before.generation != data.generation and before.by_trainer == data.by_trainer:
        was, now = ("none" if each is None else str(each) for each in (before.generation, data.generation))
        yield Cause(f"the trainer's generation changed ({was} -> {now})", "generation")
    if before.backend != data.backend:
        was, now = (each or "its usual one" for each in (before.backend, data.backend))
        yield Cause(f"the trainer's backend changed ({was} -> {now})", "backend")
    settings = data.usual if before.settings is None else before.settings
    if changed := differences(settings, data.settings):
        yield Cause(f"the environment changed ({_listed(changed)})", "environment")
    if files := changed_files(settings, data.settings):
        yield Cause(f"files of the command changed ({_listed(files)})", "files")


def _change(before: DataFacts, data: DataIdentity) -> str:
    """Such as `1f0c -> 9a3e`, for each file where files are known."""
    if data.by_trainer:
        return change_of(before.digest, data.digest)
    names = sorted(
        name for name in before.files.keys() | data.files.keys() if before.files.get(name) != data.files.get(name)
    )
    return _listed([f"{name}: {_file_change(before.files.get(name), data.files.get(name))}" for name in names])


def _file_change(before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return "new" if before is None else "no longer a data file"
    return change_of(before, now)


def _manifest_changes(facts: RunFacts, sweep: Sweep) -> Iterator[Cause]:
    """What somebody has edited."""
    resolved = sweep.resolved
    rule = ranked_rule(objective_status(sweep.spec.objective))
    noted = facts.rule
    before = EpochRule(noted.metric, noted.goal) if noted is not None and noted.ranked else None
    if before != rule:
        yield Cause(f"the objective changed ({_rule(before)} -> {_rule(rule)})", "objective")
    for name in sorted(facts.parameters.keys() | resolved.parameters.keys()):
        was, now = facts.parameters.get(name), resolved.parameters.get(name)
        if canonical_json(was) != canonical_json(now):
            yield Cause(f"the parameter {name} changed ({_value(was)} -> {_value(now)})", "value")
    if facts.seed != resolved.seed:
        yield Cause(f"the seed changed ({facts.seed} -> {resolved.seed})", "seed")
    if facts.resampling != resolved.resampling.to_json():
        yield Cause("the resampling changed", "resampling")


def _rule(rule: EpochRule | None) -> str:
    return "last epoch" if rule is None else f"best epoch by {rule.metric}, {rule.goal}"


def _value(value: JsonValue) -> str:
    text = "absent" if value is None else canonical_json(value)
    return text if len(text) <= MOST_VALUE else f"{text[: MOST_VALUE - 3]}..."


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_LISTED
    return ", ".join(texts[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
