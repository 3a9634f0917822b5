"""The record's columns, the most important first: what this trainer evaluates, in the order in which a message has room for it.

On train and val the objective's metric, then average_loss; regularization_loss; with REGSWEEP_SCORE_TEST the same two on test; the audit's,
where there is one; with REGSWEEP_SCORE_TEST the rest of test; then on train and val, in pairs, the other metrics as METRICS orders them,
`loss`, which is the sum of average_loss and regularization_loss, last of them; then global_step and late_gain.
"""

from regsweep_kit.columns import Room, choose_columns
from regsweep_kit.epochs import LATE_GAIN
from regsweep_trainer.audit import AUDIT_METRICS
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import METRICS


def columns_of(head: Head, room: Room, *, audited: bool = False, counts_steps: bool = False) -> tuple[str, ...]:
    """Names of the columns, so many that the records always fit.

    An objective that the head does not have is left out. audited: whether predictions are audited (see `audit`).
    counts_steps: whether global_step is there. late_gain comes last, and is not there where test is scored: nobody asks for it then.
    Raises InvalidContractError where the most important ones do not fit.
    """
    metrics, objective = METRICS[head], room.rule.name
    ordered = tuple(dict.fromkeys([*([objective] if objective in metrics else []), *metrics]))
    sure = (
        1 if objective == "average_loss" or objective not in metrics else 2
    )  # the objective's metric and average_loss
    pairs = [(f"train_{metric}", f"val_{metric}") for metric in ordered]
    tests = [(f"test_{metric}",) for metric in ordered] if room.test_losses else []
    audits = [(f"audit_{metric}",) for metric in AUDIT_METRICS[head]] if audited else []
    first = [*pairs[:sure], ("regularization_loss",), *tests[:sure]]
    steps = [("global_step",)] if counts_steps else []
    late = [] if room.test_losses else [(LATE_GAIN[0],)]
    return choose_columns([*first, *audits, *tests[sure:], *pairs[sure:], *steps, *late], room, needed=len(first))
