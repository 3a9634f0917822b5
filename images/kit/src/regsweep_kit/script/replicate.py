"""One replicate of a script's training: its seed, its rows, and what it reports."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regsweep_kit.console import say
from regsweep_kit.contract import Contract
from regsweep_kit.errors import InvalidContractError
from regsweep_kit.models import SUFFIX, model_file
from regsweep_kit.record import Outcome
from regsweep_kit.script import parts
from regsweep_kit.script.course import Course, Metrics, Reported, reported
from regsweep_kit.script.outputs import Output
from regsweep_kit.script.parts import Asked, Parts, Stratify
from regsweep_kit.seeds import stream_seed
from regsweep_kit.splits import Splits

if TYPE_CHECKING:
    from regsweep_kit.script.evaluation import Evaluator
    from regsweep_kit.script.kerascallback import KerasCallback


@dataclass(frozen=True, slots=True)
class Ending:
    """What is evaluated once training has ended, in the place of what the last epoch said."""

    train: Mapping[str, float]
    val: Mapping[str, float]
    test: Mapping[str, float] | None = None
    best_train: float | None = None
    """The objective's metric on all train rows at the best epoch; `None`: as was reported."""
    rows: Mapping[str, int] | None = None
    regularization_loss: float | None = None


@dataclass(frozen=True, slots=True)
class BestWeights:
    """A Keras model's weights at the best epoch, whichever of several `fit` it was in."""

    evaluator: "Evaluator"
    """Of that model."""
    weights: list[Any]


class Replicate:
    """One training: `kit.replicates()` gives them in order."""

    def __init__(self, number: int, contract: Contract, output: Output, known: "Known") -> None:
        self.number = number
        """From 0; the same number has the same seeds and rows in every combination."""
        self.seed = stream_seed(contract.seed_base, number, "script")
        """From 0 to 2**31 - 1. Python's, NumPy's and the imported framework's global generators are seeded with it already."""
        self.known = known
        self._contract, self._output = contract, output
        self._course = Course(contract.objective, contract.score_test)
        self._counts: Mapping[str, int] = {}
        self._ending: Callable[[], Ending] | None = None
        self.at_best: Callable[[], AbstractContextManager[None]] = nullcontext
        """While it lasts, the model has the weights of the epoch that counts."""
        self.best_weights: BestWeights | None = None
        """Kept where they count."""

    @property
    def contract(self) -> Contract:
        """What was asked of this process."""
        return self._contract

    @property
    def epochs(self) -> int:
        """The last epoch that was reported; 0 before the first."""
        return 0 if self._course.last is None else self._course.last.epoch

    @property
    def diverged(self) -> bool:
        """Whether a loss or the objective's metric was no finite number: training on is pointless."""
        return self._course.outcome is Outcome.DIVERGED

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best so far, judged on `stop`."""
        return self._course.improved

    def split(
        self,
        x: Any,
        y: Any = None,
        *,
        groups: Any = None,
        weights: Any = None,
        stratify: Stratify = "auto",
        val_fraction: float = 0.4,
        test_fraction: float = 0.2,
    ) -> Parts:
        """The replicate's rows of the data, by part.

        x, y: arrays, data frames, or lists or mappings of them. groups: a value per row; no group is in two parts. weights: of the rows.
        stratify: "auto" keeps the shares of classes where y has some; None does not; or a class per row. test_fraction: of all rows,
        the same ones in every replicate. val_fraction: of the others; half of it is `stop`. Raises BadDataError.
        """
        rows = parts.count(x)
        for name, data in (("y", y), ("weights", weights)):
            if data is not None and (got := parts.count(data, name)) != rows:
                from regsweep_kit.errors import BadDataError

                raise BadDataError(f"x has {rows} rows, {name} has {got}")
        drawn = self._draw(Asked(rows, y, groups, stratify, val_fraction, test_fraction))
        return parts.whole(drawn, x, y, weights, score_test=self._contract.score_test)

    def rows(
        self,
        n: int,
        *,
        groups: Any = None,
        stratify: Stratify = None,
        val_fraction: float = 0.4,
        test_fraction: float = 0.2,
    ) -> Parts:
        """The numbers of the replicate's rows by part, of data with n rows: for generators, datasets and files."""
        drawn = self._draw(Asked(n, None, groups, stratify, val_fraction, test_fraction))
        return Parts(drawn.train, drawn.stop, drawn.val, drawn.test if self._contract.score_test else None)

    def report(
        self,
        epoch: int,
        *,
        train: Metrics,
        val: Metrics,
        stop: Metrics | None = None,
        test: Metrics | None = None,
        regularization_loss: Any = None,
    ) -> None:
        """Says how an epoch (from 1) went: metrics by name, without the split in the name, such as {"average_loss": 0.3}.

        stop: by which the best epoch is chosen; without it there is none. test: where `rows.test` is not None. Raises
        InvalidContractError where it cannot be ranked.
        """
        self._add(reported(epoch, train, val, stop, test, regularization_loss), self._shown_counts())

    def keras(self, rows: Any = None, **options: Any) -> "KerasCallback":
        """The callback that reports a Keras model's training: `fit(..., callbacks=[replicate.keras(rows)])`.

        rows: what `split` gave, or anything with `train`, `stop` and `val` that `model.evaluate` takes. See `KerasCallback`.
        """
        from regsweep_kit.script.kerascallback import KerasCallback

        return KerasCallback(self, rows, **options)

    def save(self, model: Any, suffix: str = SUFFIX) -> Path | None:
        """Saves the model where a sweep wants it: of final evaluations, and for `regsweep model`. The file; `None`: nobody wants it.

        model: a Keras model, or a function that writes the file whose path it is given, such as
        `lambda path: joblib.dump(forest, path)`. suffix: of the file. Call it after training; where the best epoch counts, a Keras model
        is saved with the weights of that one, and other models are to be saved whenever `improved` is true.
        """
        file = model_file(self._contract.models, self.number, suffix)
        if file is None or self.diverged:
            return None
        write = getattr(model, "save", model)
        half = file.with_name(f".half-{os.getpid()}-{file.name}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.at_best():
                write(half)
            half.replace(file)
        except OSError as error:
            say(
                f"note: REGSWEEP_MODELS: cannot write {file}: {error.strerror or error}; the results are whole",
                error=True,
            )
            return None
        finally:
            if half.is_file():
                half.unlink()
        return file

    def expect(self, epochs: int) -> None:
        """How many epochs there will be, for whoever watches."""
        self._output.expect(max(int(epochs), 0))

    def show(self, epoch: Reported, rows: Mapping[str, int]) -> None:
        """As `report`, with the number of rows that each part's values are from."""
        self._add(epoch, rows)

    def show_weights(self, model: Any) -> None:
        """A Keras model's weights after the last epoch that was reported, for whoever asked for histograms."""
        self._output.weights(self.number, self.epochs, model)

    def at_end(self, ending: Callable[[], Ending]) -> None:
        """What to ask when the replicate ends, unless it has diverged."""
        self._ending = ending

    def finish(self) -> None:
        """Ends it: its record is written. Raises NothingReportedError."""
        if self._ending is not None and self._course.last is not None and not self.diverged:
            self._end(self._ending())
        record = self._course.record(self.number)
        self._output.finish(record, self._course.end())

    def _end(self, ending: Ending) -> None:
        course, last = self._course, self._course.last
        if last is None:
            return
        penalty = last.regularization_loss if ending.regularization_loss is None else ending.regularization_loss
        last = replace(last, train=ending.train, val=ending.val, regularization_loss=penalty)
        watch = course.watch
        if watch is not None and watch.best is not None and ending.best_train is not None:
            watch = replace(watch, best=replace(watch.best, train=ending.best_train))
        test = course.test if ending.test is None else ending.test
        rows = course.rows if ending.rows is None else ending.rows
        self._course = replace(course, last=last, watch=watch, test=test, rows=rows)

    def _draw(self, asked: Asked) -> Splits:
        drawn, digest = parts.draw(asked, self._contract, self.number)
        self._counts = drawn.counts
        self._output.divided(drawn.counts, digest)
        return drawn

    def _shown_counts(self) -> dict[str, int]:
        shown = ("train", "val", *(("test",) if self._contract.score_test else ()))
        return {part: self._counts[part] for part in shown if part in self._counts}

    def _add(self, epoch: Reported, rows: Mapping[str, int]) -> None:
        if epoch.test is not None and not self._contract.score_test:
            raise InvalidContractError(
                "replicate.report: test was reported, but this run does not score the test rows; report it only where rows.test is not None"
            )
        self._course = self._course.after(epoch, rows)
        if not self.known.columns_fixed:
            self._output.first(epoch)
            self.known.columns_fixed = True
        self._output.epoch(self.number, self._course.progress())


@dataclass(slots=True)
class Known:
    """What later replicates of the process have in common with the first."""

    columns_fixed: bool = False
    metric_names: tuple[str, ...] = ()
    """The compiled metrics of the first Keras model; empty: none yet."""
