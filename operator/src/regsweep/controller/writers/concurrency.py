"""Writes side by side: one that fails stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from regsweep.errors import ApiError

A = TypeVar("A")
B = TypeVar("B")


async def or_failure(write: Callable[[], Coroutine[Any, Any, A]], without: A) -> tuple[A, ApiError | None]:
    """What the write returns, and None; or else `without`, and its failure."""
    try:
        return await write(), None
    except ApiError as error:
        return without, error


async def run_both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Does both side by side; raises the first failure once both have been tried."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other


async def run_all(work: Iterable[Coroutine[Any, Any, A]], *, at_once: int) -> list[A]:
    """Does all of it, `at_once` at a time; raises the first failure once all has been tried."""
    slots = asyncio.Semaphore(at_once)
    waiting = list(work)

    async def one(each: Coroutine[Any, Any, A]) -> A:
        async with slots:
            return await each

    try:
        outcomes = await asyncio.gather(*(one(each) for each in waiting), return_exceptions=True)
    finally:
        for each in waiting:
            each.close()  # one that a cancellation has kept from its start; no other has anything left to close
    results: list[A] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
