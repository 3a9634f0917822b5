"""Notes in words."""

from __future__ import annotations

import pytest

from regsweep.api.findings import MixedKind, Mixture, Note, NoteType, SeedsAloneReason, Subject
from regsweep.core.judging.words.notes import mixture_sentence, note_message


@pytest.mark.parametrize(
    ("note", "message"),
    [
        pytest.param(
            Note(type=NoteType.PENALTY_IN_OBJECTIVE, metric="val_average_loss", label="l2=0.01"),
            "The objective contains the regularisation penalty, which says nothing about how well a network generalises, and here "
            "it decides which one is the best: by val_average_loss, which is without it, that is l2=0.01.",
            id="the penalty decides",
        ),
        pytest.param(
            Note(type=NoteType.PENALTY_IN_OBJECTIVE, metric="val_average_loss"),
            "The objective contains the regularisation penalty, which says nothing about how well a network generalises; by "
            "val_average_loss, which is without it, the same combination is the best.",
            id="the penalty does not decide",
        ),
        pytest.param(
            Note(type=NoteType.PENALTY_IN_OBJECTIVE),
            "The objective contains the regularisation penalty, which says nothing about how well a network generalises: rank by a "
            "loss without it.",
            id="no metric without the penalty",
        ),
        pytest.param(
            Note(type=NoteType.FEW_REPLICATES, count=2, of=8),
            "2 of 8 combinations have fewer than 5 replicates: with so few little can be told of a combination, and what goes wrong in few "
            "replicates is not seen. One that is worse by three times the noise stays tied with the best in about half of such "
            "sweeps with 3 replicates, and in a quarter with 4, or in more.",
            id="some combinations have few replicates",
        ),
        pytest.param(
            Note(type=NoteType.FEW_REPLICATES, count=8, of=8),
            "With fewer than 5 replicates little can be told of a combination, and what goes wrong in few replicates is not seen. One "
            "that is worse by three times the noise stays tied with the best in about half of such sweeps with 3 replicates, and in a "
            "quarter with 4, or in more.",
            id="all combinations have few replicates",
        ),
        pytest.param(
            Note(type=NoteType.FINAL_DIVERGED, subject=Subject.PICK, count=1, of=6),
            "The one-standard-error pick: 1 of 6 final trainings diverged. No test loss is given: the mean of the others would "
            "favour just what breaks.",
            id="a final training diverged",
        ),
        pytest.param(
            Note(type=NoteType.FINAL_TOO_FEW, subject=Subject.BEST, count=2, of=2),
            "The best: fewer than 3 final trainings have a test loss, too few for an interval.",
            id="too few final trainings",
        ),
        pytest.param(
            Note(type=NoteType.SEEDS_ALONE, subject=Subject.DIFFERENCE, reason=SeedsAloneReason.PICKS_ROWS_DIFFER),
            "The difference of the picks: the interval is over seeds alone and does not include the test rows, since the two were "
            "scored on different test rows. On other rows the loss may lie further off than it says.",
            id="an interval over seeds alone",
        ),
        pytest.param(
            Note(type=NoteType.ANALYSIS_FAILED, cause="its process ended with -9"),
            "The analysis failed, so that nothing is said of ties, the pick and what matters: its process ended with -9",
            id="an analysis that failed",
        ),
        pytest.param(
            Note(type=NoteType.IDLE_FLAGS, flags=["augment"]),
            "augment makes no difference: whatever the value, all results are the same to the last digit. Does the trainer read it, "
            "and as meant? With argparse's type=bool the text false is true.",
            id="a flag that is not read",
        ),
        pytest.param(
            Note(type=NoteType.IDLE_FLAGS, flags=["l2", "augment"]),
            "l2, augment make no difference: whatever the value, all results are the same to the last digit. Does the trainer read "
            "them, and as meant? With argparse's type=bool the text false is true.",
            id="two flags that are not read",
        ),
        pytest.param(
            Note(type=NoteType.TWO_WAYS, label="l2=0.001, dropout=0.5", count=2, of=5),
            "In l2=0.001, dropout=0.5, 2 of 5 replicates lie far from the others, as if its trainings ended in one of two ways. Its "
            "mean depends on how many end in which, and so few replicates hardly tell; of another combination they may all be of one "
            "kind. Look at each replicate's value, and train more.",
            id="trainings that end in one of two ways",
        ),
        pytest.param(
            Note(type=NoteType.TWO_WAYS, label="l2=0", count=1, of=5),
            "In l2=0, 1 of 5 replicates lies far from the others, as if its trainings ended in one of two ways. Its mean depends on "
            "how many end in which, and so few replicates hardly tell; of another combination they may all be of one kind. Look at "
            "each replicate's value, and train more.",
            id="one training that ended in another way",
        ),
        pytest.param(Note(type=NoteType.OTHER, message="As it was."), "As it was.", id="words of another version"),
    ],
)
def test_a_note_is_a_sentence_or_two(note: Note, message: str) -> None:
    assert note_message(note) == message


def test_every_kind_of_note_has_words_and_they_are_bounded() -> None:
    for kind in NoteType:
        note = Note(type=kind, message="x.", subject=Subject.BEST, cause="c" * 4096, label="l" * 30_000, metric="m")
        assert 0 < len(note_message(note)) <= 4096, kind
    for reason in SeedsAloneReason:
        assert "since" in note_message(Note(type=NoteType.SEEDS_ALONE, subject=Subject.BEST, reason=reason))


def mixture(kind: MixedKind, *values: str, count: int | None = None) -> Mixture:
    return Mixture(kind=kind, values=list(values), count=count or len(values))


@pytest.mark.parametrize(
    ("mixed", "sentence"),
    [
        pytest.param((), None, id="nothing is mixed"),
        pytest.param(
            (mixture(MixedKind.DEVICES, "NVIDIA H100", "cpu"),),
            "Replicates are not paired, since they were trained with different devices (NVIDIA H100, cpu). Errors are those of "
            "unpaired differences, and a difference may come from there instead of from the flags.",
            id="devices",
        ),
        pytest.param(
            (mixture(MixedKind.DATA, "a", "b"), mixture(MixedKind.IMAGES, *"abcdef", count=900)),
            "Replicates are not paired, since they were trained with different data (a, b); images (a, b, c, d, e and 895 more). "
            "Errors are those of unpaired differences, and a difference may come from there instead of from the flags. Where the "
            "data differ, replicates saw other rows, and their results answer another question.",
            id="data, and more images than can be listed",
        ),
    ],
)
def test_what_is_mixed_is_named_with_what_it_means(mixed: tuple[Mixture, ...], sentence: str | None) -> None:
    assert mixture_sentence(mixed) == sentence
