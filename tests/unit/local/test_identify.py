"""What a local run's results rest on: asked of the trainer, or else read from the files that the manifest names."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from regsweep.local import identify as module
from regsweep.local.identify import DataError, DataIdentity, identify
from regsweep.local.trainer import TrainerCommand

DIGEST = "1f0c" + "0" * 60
NO_VERB = "import sys; sys.exit('usage: train' if '--identify' in sys.argv else 0)"
"""As argparse ends."""


def trainer(script: str) -> TrainerCommand:
    return TrainerCommand((sys.executable, "-c", script), "process:x")


def answering(answer: str) -> TrainerCommand:
    return trainer(f"print({answer!r})")


def asked(command: TrainerCommand, parameters: dict[str, Any] | None = None, **known: Any) -> DataIdentity:
    return identify(command, parameters or {}, [{"l2": 0}, {"l2": 0.1}], **known)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.csv"
    path.write_text("a,y\n1,0\n")
    return path


def test_a_trainer_that_knows_the_question_names_data_and_generation() -> None:
    found = asked(answering(f'{{"dataDigest": "{DIGEST}", "generation": 3, "framework": "none"}}'))
    assert found == DataIdentity(DIGEST[:16], 3, by_trainer=True, answers=True)


@pytest.mark.parametrize(
    ("more", "backend"),
    [
        pytest.param("", "", id="on its usual one, which it does not name"),
        pytest.param(', "backend": "jax"', "jax", id="on another one"),
    ],
)
@pytest.mark.parametrize(
    "digest",
    [
        pytest.param(f'"dataDigest": "{DIGEST}", ', id="which names its data"),
        pytest.param("", id="which names no data"),
    ],
)
def test_what_a_trainer_computes_with_is_part_of_what_results_rest_on(digest: str, more: str, backend: str) -> None:
    found = asked(answering(f'{{{digest}"generation": 3{more}}}'))
    assert found.backend == backend
    usual = asked(answering(f'{{{digest}"generation": 3}}')).revision
    assert (found.revision == usual) == (not backend), "the usual one trains nothing again"


def test_a_trainer_that_is_killed_while_it_is_asked_is_asked_again(tmp_path: Path) -> None:
    """By the files, in place of its answer, everything would be trained again."""
    mark, answer = tmp_path / "asked", f'{{"dataDigest": "{DIGEST}", "generation": 3}}'
    once = f"import os; again = os.path.exists({str(mark)!r}); open({str(mark)!r}, 'w').close(); "
    dies = f"{once}again or os.kill(os.getpid(), 9); print({answer!r})"
    assert asked(trainer(dies)) == DataIdentity(DIGEST[:16], 3, by_trainer=True, answers=True)


def test_a_trainer_that_has_answered_before_and_is_killed_each_time_is_not_done_without(data: Path) -> None:
    known = DataIdentity(DIGEST[:16], 3, by_trainer=True, answers=True)
    with pytest.raises(DataError, match="ended by signal 9 before it had identified the data"):
        asked(trainer("import os; os.kill(os.getpid(), 9)"), {"data_path": data.name}, known=known)


def test_a_trainer_that_has_answered_before_and_does_not_end_is_not_done_without(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN_SECONDS_TO_ANSWER", 0.3)
    known = DataIdentity(DIGEST[:16], 3, by_trainer=True, answers=True)
    with pytest.raises(DataError, match="has not identified the data within"):
        asked(trainer("import time; time.sleep(60)"), {"data_path": data.name}, known=known)


def test_what_it_prints_before_its_answer_does_not_matter() -> None:
    script = f'import warnings; print(\'reading\'); print(\'{{"dataDigest": "{DIGEST}", "generation": 0}}\')'
    assert asked(trainer(script)).generation == 0


def test_it_is_given_a_whole_combination() -> None:
    script = (
        "import hashlib, json, os; flags = json.dumps(json.loads(os.environ['REGSWEEP_FLAGS']), sort_keys=True).encode();"
        "print(json.dumps({'dataDigest': hashlib.sha256(flags).hexdigest(), 'generation': 1}))"
    )
    whole = hashlib.sha256(b'{"dataset": "iris", "l2": 0}').hexdigest()
    assert asked(trainer(script), {"dataset": "iris"}).digest == whole[:16]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(trainer(NO_VERB), id="it ends with another exit code"),
        pytest.param(answering("training epoch 1"), id="it prints something else"),
        pytest.param(answering("[]"), id="it prints JSON of another shape"),
        pytest.param(answering('{"dataDigest": "1f0c", "generation": 1}'), id="its digest is too short"),
        pytest.param(answering(f'{{"dataDigest": "{DIGEST}", "generation": -1}}'), id="its generation is none"),
        pytest.param(answering('{"generation": 1, "backend": "' + "x" * 99 + '"}'), id="its backend is no name"),
        pytest.param(answering(""), id="it prints nothing"),
        pytest.param(TrainerCommand(("/nowhere/trainer",), "process:x"), id="it is not there"),
        pytest.param(trainer("import sys; sys.exit(64)"), id="it refuses without a word"),
        pytest.param(trainer("import sys; print('no such option', file=sys.stderr); sys.exit(64)"), id="64 is its usage error"),
    ],
)  # fmt: skip
def test_of_a_trainer_without_the_verb_the_files_bytes_decide(command: TrainerCommand, data: Path) -> None:
    before = asked(command, {"data_path": "mine.csv"})
    assert before.files.keys() == {"mine.csv"}
    assert (before.generation, before.by_trainer, before.answers) == (None, False, False)
    assert asked(command, {"data_path": "mine.csv"}) == before
    data.write_text("a,y\n1,1\n")
    assert asked(command, {"data_path": "mine.csv"}).digest != before.digest


def test_a_trainer_that_trains_instead_of_answering_is_stopped(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_ANSWER", 0.5)
    marks = "import os, signal; open('begun', 'w').write(str(os.getpid())); signal.pause()"
    assert asked(trainer(marks), {"data_path": "mine.csv"}).files
    pid = int((data.parent / "begun").read_text() or "0")
    assert not Path(f"/proc/{pid}").exists()


def test_a_trainer_known_to_be_without_the_verb_is_not_asked_again(data: Path) -> None:
    script = "open('asked', 'w').close()"
    asked(trainer(script), {}, known=DataIdentity(answers=False))
    assert not (data.parent / "asked").exists()
    asked(trainer(script), {}, known=DataIdentity(answers=True))
    assert (data.parent / "asked").exists()


def test_a_generation_alone_goes_with_the_files(data: Path) -> None:
    found = asked(answering('{"generation": 5}'), {"table": "mine.csv"})
    assert (found.generation, found.by_trainer, list(found.files)) == (5, False, ["mine.csv"])


def test_one_combination_that_the_trainer_refuses_does_not_keep_the_others_from_being_asked_about() -> None:
    script = (
        "import json, os, sys\n"
        "if json.loads(os.environ['REGSWEEP_FLAGS'])['l2'] == 0:\n    sys.exit('bad flag' and 64)\n"
        f'print(\'{{"dataDigest": "{DIGEST}", "generation": 1}}\')'
    )
    assert asked(trainer(script)).by_trainer


REFUSES = trainer("import sys; print('flag data_path: cannot read mine.csv', file=sys.stderr); sys.exit(64)")


@pytest.mark.parametrize(
    ("command", "known", "words"),
    [
        pytest.param(REFUSES, None, "flag data_path: cannot read mine.csv", id="in the trainer's words"),
        pytest.param(trainer(NO_VERB), None, "mine.csv: no such file", id="without the verb"),
        pytest.param(answering('{"generation": 1}'), None, "mine.csv: no such file", id="with a generation alone"),
    ],
)
def test_a_file_that_is_gone_is_bad_data(
    command: TrainerCommand, known: DataIdentity | None, words: str, data: Path
) -> None:
    data.unlink()
    with pytest.raises(DataError, match=r"^BadData: ") as caught:
        asked(command, {"data_path": "mine.csv"}, known=known)
    assert words in str(caught.value)


def test_a_file_by_any_other_name_that_is_gone_is_bad_data_where_it_was_there_before(data: Path) -> None:
    before = asked(trainer(NO_VERB), {"tables": ["mine.csv"]})
    data.unlink()
    with pytest.raises(DataError, match=r"BadData: mine\.csv: no such file"):
        asked(trainer(NO_VERB), {"tables": ["mine.csv"]}, known=before)
    assert asked(trainer(NO_VERB), {"tables": ["other.csv"]}, known=before).digest == "", "nobody names it any more"


def test_a_trainer_that_answered_before_and_refuses_now_is_believed(data: Path) -> None:
    with pytest.raises(DataError, match="the trainer can no longer identify the data: flag data_path"):
        asked(REFUSES, {"data_path": "mine.csv"}, known=DataIdentity("ab", 1, by_trainer=True, answers=True))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(REFUSES, "flag data_path: cannot read mine.csv", id="in the trainer's words"),
        pytest.param(trainer("import sys; sys.exit(64)"), "", id="without a word"),
        pytest.param(trainer(NO_VERB), "", id="a trainer without the verb refuses nothing"),
        pytest.param(answering('{"generation": 1}'), "", id="it answers"),
    ],
)
def test_why_a_trainer_does_not_name_its_data_is_kept(command: TrainerCommand, words: str) -> None:
    assert asked(command).refusal == words


def test_data_elsewhere_than_in_files_are_not_missed() -> None:
    assert asked(trainer(NO_VERB), {"data_path": "s3://bucket/mine.csv"}).digest == ""


def test_who_names_the_data_is_part_of_the_revision() -> None:
    named = DataIdentity("ab", 1, by_trainer=True)
    revisions = {
        each.revision
        for each in (named, DataIdentity("ab", 1), DataIdentity("ab", 2, by_trainer=True), DataIdentity("ab"), DataIdentity())
    }  # fmt: skip
    assert len(revisions) == 5
