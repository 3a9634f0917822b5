"""The record's columns: which of each head's metrics always fit, the most important first."""

from pathlib import Path

import pytest

from regsweep_kit.columns import Room, most_blocks
from regsweep_kit.errors import InvalidContractError
from regsweep_kit.objective import Goal, Rule
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.record_columns import columns_of

README = Path(__file__).parents[3] / "images" / "trainer" / "README.md"


def room(replicates: int, objective: str = "average_loss", *, score_test: bool = False, size: int = 4096) -> Room:
    return Room(replicates, Rule(f"val_{objective}", Goal.MINIMIZE), size, test_losses=score_test)


def chosen(
    head: Head, replicates: int, objective: str = "average_loss", *, score_test: bool = False, audited: bool = False
) -> tuple[str, ...]:
    return columns_of(head, room(replicates, objective, score_test=score_test), audited=audited)


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize("score_test", [False, True])
@pytest.mark.parametrize("audited", [False, True])
@pytest.mark.parametrize("objective", ["average_loss", "prediction_mean", "m" * 59])
def test_what_is_needed_always_fits(head: Head, score_test: bool, audited: bool, objective: str) -> None:
    for replicates in range(1, 17):
        at_hand = room(replicates, objective, score_test=score_test)
        columns = columns_of(head, at_hand, audited=audited)
        assert at_hand.spare(columns) >= 0
        assert {"train_average_loss", "val_average_loss", "regularization_loss"} <= set(columns)
        assert not score_test or "test_average_loss" in columns  # without it the test losses have no scale
        assert not audited or score_test or "audit_squared_error" in columns


def test_the_readme_says_how_much_fits() -> None:
    readme = README.read_text()

    def whole(head: Head, audited: bool) -> int:
        """The most replicates that have all columns."""
        every = len(chosen(head, 1, audited=audited))
        return max(n for n in range(1, 17) if len(chosen(head, n, audited=audited)) == every)

    others = (Head.MULTICLASS, Head.REGRESSION)
    assert f"Up to {whole(Head.BINARY, False)} replicates have all of them for two classes" in readme
    assert f"(with an audit up to {whole(Head.BINARY, True)})" in readme
    assert f"up to {min(whole(head, False) for head in others)} for more classes and regressions" in readme
    assert f"(with an audit up to {min(whole(head, True) for head in others)})." in readme
    binary = {n: room(n, score_test=True) for n in (1, 5, 10, 16)}
    blocks = [most_blocks(columns_of(Head.BINARY, at_hand), at_hand) for at_hand in binary.values()]
    assert "{} for one replicate, {} for 5, {} for 10, {} for 16".format(*blocks) in readme
    lost = [m for m in METRICS[Head.BINARY] if f"val_{m}" not in chosen(Head.BINARY, 16)]
    assert f"16 lack\n{', '.join(lost[:-1])} and {lost[-1]}," in readme
    lost_of = {head: [m for m in METRICS[head] if f"val_{m}" not in chosen(head, 16)] for head in others}
    assert lost_of == {Head.MULTICLASS: ["loss"], Head.REGRESSION: ["estimator_loss", "loss"]}
    assert "for more classes loss, and for regressions estimator_loss and loss." in readme


def test_five_replicates_have_every_metric_of_every_head() -> None:
    for head, metrics in METRICS.items():
        every = {f"{split}_{metric}" for split in ("train", "val") for metric in metrics}
        assert set(chosen(head, 5)) == every | {"regularization_loss", "late_gain"}


def test_sixteen_replicates_lose_the_least_important_columns() -> None:
    assert chosen(Head.BINARY, 16, "loss") == (
        *("train_loss", "val_loss", "train_average_loss", "val_average_loss", "regularization_loss"),
        *("train_accuracy", "val_accuracy", "train_auc", "val_auc"),
    )
    for head in (Head.MULTICLASS, Head.REGRESSION):
        assert len(chosen(head, 16)) == 9


def test_test_metrics_are_columns_only_where_they_are_scored() -> None:
    assert not any(name.startswith("test_") for name in chosen(Head.BINARY, 1, "auc"))
    scored = chosen(Head.BINARY, 5, "auc", score_test=True)
    assert scored[:5] == ("train_auc", "val_auc", "train_average_loss", "val_average_loss", "regularization_loss")
    assert scored[5:7] == ("test_auc", "test_average_loss")
    assert set(scored[5:18]) == {f"test_{metric}" for metric in METRICS[Head.BINARY]}


def test_audits_columns_come_after_the_penalty_and_what_test_is_scored_for() -> None:
    audits = ("audit_squared_error", "audit_spread", "audit_disagreement")
    assert chosen(Head.BINARY, 5, "auc", audited=True)[4:8] == ("regularization_loss", *audits)
    scored = chosen(Head.BINARY, 5, "auc", score_test=True, audited=True)
    assert scored[4:11] == ("regularization_loss", "test_auc", "test_average_loss", *audits, "test_accuracy")
    assert chosen(Head.REGRESSION, 16, audited=True)[3:5] == audits[:2]
    assert not any(name.startswith("audit") for name in chosen(Head.BINARY, 1, "auc", score_test=True))


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize("audited", [False, True])
def test_sixteen_replicates_have_sixteen_blocks_and_fewer_replicates_more(head: Head, audited: bool) -> None:
    for objective in (*METRICS[head], "nothing"):
        at_hand = [room(n, objective, score_test=True) for n in range(1, 17)]
        counts = [most_blocks(columns_of(head, one, audited=audited), one) for one in at_hand]
        assert counts[-1] >= 16
        assert min(counts[:8]) >= 32


@pytest.mark.parametrize(
    ("containers", "replicates", "score_test", "fits"),
    [(4, 16, True, True), (5, 16, False, True), (6, 16, False, False), (6, 8, True, True), (12, 4, False, True)],
)
def test_a_pod_of_several_containers_has_12_kib_for_all_their_messages(
    containers: int, replicates: int, score_test: bool, fits: bool
) -> None:
    at_hand = room(replicates, score_test=score_test, size=12 * 1024 // containers)
    if fits:
        assert ("test_average_loss" in columns_of(Head.BINARY, at_hand)) is score_test
    else:
        with pytest.raises(
            InvalidContractError, match=r"REGSWEEP_MESSAGE_BYTES: 2048 bytes .* of 16 replicates; lower"
        ):
            columns_of(Head.BINARY, at_hand)


@pytest.mark.parametrize("head", list(Head))
def test_steps_and_the_gain_of_the_last_epochs_come_last_and_displace_nothing(head: Head) -> None:
    last = ("global_step", "late_gain")
    for replicates in range(1, 17):
        without = columns_of(head, room(replicates))
        counted = columns_of(head, room(replicates), counts_steps=True)
        assert [name for name in counted if name not in last] == [name for name in without if name not in last]
        assert set(counted) <= {*without, *last}
    assert columns_of(head, room(1), counts_steps=True)[-2:] == last


@pytest.mark.parametrize("head", list(Head))
def test_where_test_rows_are_scored_the_gain_takes_no_room_from_the_blocks(head: Head) -> None:
    assert "late_gain" not in columns_of(head, room(1, score_test=True))
