"""A program as JAX's compiled functions: an epoch is one call, compiled once for all replicates with as many rows.

Functions of JAX have no state. Each takes the values of Keras' variables and gives new ones, which are put back after an epoch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax import lax
from jax import numpy as jnp
from numpy.typing import NDArray

from regsweep_trainer.models.program import Program, in_parts


class OnJax:
    def __init__(self, program: Program) -> None:
        self._program = program
        model = program.built.model
        self._variables = model.variables
        self._trained = model.trainable_variables
        trained = {id(variable) for variable in self._trained}
        self._others = [variable for variable in self._variables if id(variable) not in trained]
        self._seeds = [drawn.generator.state for drawn in program.drawn]
        self._draw = jax.jit(_with(self._seeds, lambda _: [drawn.value() for drawn in program.drawn]))
        self._epoch = jax.jit(self._run_epoch)
        self._outputs = jax.jit(_with(self._variables, lambda x: model(x, training=False)))
        self._activity = jax.jit(_with(self._variables, lambda x: program.built.activity(x, training=False)))
        self._penalties = jax.jit(_with(self._variables, lambda _: model.losses))

    def draw(self) -> list[Any]:
        return list(self._draw(_values(self._seeds), None))

    def epoch(
        self, x: NDArray[np.float32], y: NDArray[np.float32], weights: NDArray[np.float32], order: NDArray[np.int32]
    ) -> bool:
        every = (self._trained, self._others, self._program.optimizer.variables)
        state, finite = self._epoch(tuple(map(_values, every)), x, y, weights, order)
        for variables, values in zip(every, state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return bool(finite)

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        values = _values(self._variables)
        return in_parts(lambda rows: self._outputs(values, rows), x)

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        values = _values(self._variables)
        return in_parts(lambda rows: self._activity(values, rows), x)

    def weight_penalties(self) -> list[float]:
        return [float(loss) for loss in self._penalties(_values(self._variables), None)]

    def _run_epoch(self, state: Any, x: Any, y: Any, weights: Any, order: Any) -> Any:
        """(the state after the epoch, whether all losses were finite)"""
        batch_size, weighted = self._program.batch_size, self._program.weighted
        whole, rest = divmod(order.shape[0], batch_size)

        def step(state: Any, rows: Any) -> Any:
            own = weights[rows] if weighted else weights
            return self._step(state, x[rows], y[rows], own)

        def body(carried: Any) -> Any:
            number, state, _ = carried
            rows = lax.dynamic_slice_in_dim(order, number * batch_size, batch_size)
            return (number + 1, *step(state, rows))

        finite = jnp.asarray(True)
        if whole:
            begin = (jnp.asarray(0, jnp.int32), state, finite)
            _, state, finite = lax.while_loop(lambda carried: carried[2] & (carried[0] < whole), body, begin)
        if rest:
            last = order[whole * batch_size :]
            state, finite = lax.cond(finite, lambda s: step(s, last), lambda s: (s, jnp.asarray(False)), state)
        return state, finite

    def _step(self, state: Any, x: Any, y: Any, weights: Any) -> Any:
        trained, others, optimizer = state
        (loss, others), gradients = jax.value_and_grad(self._loss, has_aux=True)(trained, others, x, y, weights)
        trained, optimizer = self._program.optimizer.stateless_apply(optimizer, gradients, trained)
        return (trained, others, optimizer), jnp.isfinite(loss)

    def _loss(self, trained: Any, others: Any, x: Any, y: Any, weights: Any) -> Any:
        """(the loss with all penalties, the other variables' values after the step)"""
        given = [*zip(self._trained, trained, strict=True), *zip(self._others, others, strict=True)]
        with keras.StatelessScope(given) as scope:
            loss, penalties = self._program.losses(x, y, weights)
            loss = sum(penalties, loss)
        return loss, [scope.get_current_value(variable) for variable in self._others]


def _values(variables: Sequence[Any]) -> list[Any]:
    return [variable.value for variable in variables]


def _with(variables: Sequence[Any], function: Callable[[Any], Any]) -> Callable[[Sequence[Any], Any], Any]:
    """The function on given values of these variables, which stay as they are."""

    def run(values: Sequence[Any], x: Any) -> Any:
        with keras.StatelessScope(zip(variables, values, strict=True)):
            return function(x)

    return run
