"""The process that analyses: it answers further questions, and what befalls it befalls the one that is being answered alone."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter

from regsweep.api.analysis import Analysis
from regsweep.api.status import MAX_RESULTS
from regsweep.controller.queues import analysis_process
from regsweep.controller.queues.analysis_process import AnalysisError, AnalysisProcess, pieces, read_question
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, analyse_records, shortened
from unit.controller.analyses import question
from unit.controller.fake_cluster import until

ANSWER = TypeAdapter(AnalysisResult)
FAKE = """
import json, os, sys, time
answer = sys.argv[1]
while line := sys.stdin.buffer.readline():
    deed = json.loads(sys.stdin.buffer.read(int(line)))["rests_on"]
    while more := int(sys.stdin.buffer.readline()):
        sys.stdin.buffer.read(more)
    if deed == "crash":
        sys.exit("MemoryError: no more")
    if deed == "hang":
        time.sleep(3600)
    if deed == "babble":
        print("RuntimeWarning: overflow", flush=True)
    if deed == "close":
        os.close(1)
        time.sleep(3600)
    if deed == "lie":
        answer = "{}"
    if deed == "break off":
        print("999 more\\n{", end="", flush=True)
        sys.exit(0)
    sys.stderr.write("a warning " * 20_000)
    text = answer.replace("PID", str(os.getpid()))
    print(f"{len(text)} {'last' if deed == 'last' else 'more'}\\n{text}", end="", flush=True)
    if deed == "last":
        sys.exit(0)
"""
"""Plays the process without loading anything: it does what `rests_on` says, and answers with its process ID in place of the digest."""


def playing(*, timeout_seconds: float = 60.0, idle_seconds: float = 60.0) -> AnalysisProcess:
    answer = ANSWER.dump_json(AnalysisResult(Analysis(rests_on="PID"))).decode()
    command = (sys.executable, "-c", FAKE, answer)
    return AnalysisProcess(command=command, timeout_seconds=timeout_seconds, idle_seconds=idle_seconds)


def asking_to(deed: str) -> AnalysisRequest:
    return replace(question(), rests_on=deed)


async def pid_of(process: AnalysisProcess, deed: str = "answer") -> int:
    """Of the process that answers."""
    return int((await process.ask(asking_to(deed))).analysis.rests_on)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
async def process() -> AsyncIterator[AnalysisProcess]:
    process = playing()
    yield process
    await process.close()


async def test_two_questions_in_a_row_are_answered_as_fresh_ones_are() -> None:
    process = AnalysisProcess()
    try:
        for asked in (question(3), question(4), question(3)):
            assert await process.ask(asked) == analyse_records(asked)
    finally:
        await process.close()


async def test_further_questions_are_answered_by_the_same_process(process: AnalysisProcess) -> None:
    first = await pid_of(process)
    assert [await pid_of(process) for _ in range(3)] == [first] * 3


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        pytest.param("crash", "ended with exit code 1: .*MemoryError: no more", id="it ends"),
        pytest.param("break off", "ended with exit code 0", id="it ends in the middle of its answer"),
        pytest.param("babble", "wrote something else than an answer", id="a library prints"),
        pytest.param("lie", "returned an invalid answer", id="its answer is none"),
    ],
)
async def test_a_question_that_fails_is_the_only_one_that_does(process: AnalysisProcess, deed: str, words: str) -> None:
    before = await pid_of(process)
    with pytest.raises(AnalysisError, match=words):
        await process.ask(asking_to(deed))
    assert is_gone(before)
    assert await pid_of(process) != before


@pytest.mark.parametrize("deed", ["hang", "close"])
async def test_a_process_that_hangs_is_ended(deed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_process, "ENDS_WITHIN_SECONDS", 0.05)
    process = playing(timeout_seconds=1.0)
    before = await pid_of(process)
    with pytest.raises(AnalysisError, match=r"it took more than 1 s|closed its output and went on"):
        await process.ask(asking_to(deed))
    assert is_gone(before)
    assert await pid_of(process) != before
    await process.close()


async def test_a_question_that_is_given_up_takes_its_process_with_it(process: AnalysisProcess) -> None:
    before = await pid_of(process)
    asking = asyncio.create_task(process.ask(asking_to("hang")))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert is_gone(before)
    assert await pid_of(process) != before


async def test_a_process_that_has_given_its_last_answer_is_replaced(process: AnalysisProcess) -> None:
    before = await pid_of(process)
    assert await pid_of(process, "last") == before
    assert is_gone(before)
    assert await pid_of(process) != before


async def test_a_process_that_ends_while_nobody_asks_is_not_asked(process: AnalysisProcess) -> None:
    before = await pid_of(process)
    assert process._waiting is not None
    os.kill(before, 9)
    await process._waiting._process.wait()
    assert await pid_of(process) != before


@pytest.mark.parametrize("how", ["by itself", "by being closed"])
async def test_none_is_there_while_nobody_asks(how: str) -> None:
    process = playing(idle_seconds=0.01 if how == "by itself" else 3600)
    pid = await pid_of(process)
    if how == "by itself":
        await until(lambda: is_gone(pid))
    await process.close()
    assert is_gone(pid)


Talk = Callable[[bytes], bytes]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    """What `main` writes when it reads this, however large the process of these tests has grown."""
    monkeypatch.setattr(analysis_process, "MOST_BYTES", 1 << 50)

    def main(said: bytes) -> bytes:
        answers = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(said)))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=answers))
        analysis_process.main()
        return answers.getvalue()

    return main


def framed(asked: AnalysisRequest) -> bytes:
    return b"".join(b"%d\n%s" % (len(piece), piece) for piece in pieces(asked))


def answered(asked: AnalysisRequest, word: bytes) -> bytes:
    text = ANSWER.dump_json(analyse_records(asked))
    return b"%d %s\n%s" % (len(text), word, text)


@pytest.mark.parametrize("lot", [1, 4, 15, 1000])
def test_a_question_arrives_as_it_was_asked_in_however_many_pieces(lot: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_process, "LOT", lot)
    for asked in (question(3), replace(question(3), records=[])):
        assert len(list(pieces(asked))) == 2 - (-len(asked.records) // lot)
        assert read_question(io.BytesIO(framed(asked))) == asked


def test_it_ends_when_whoever_asks_has_gone(talk: Talk) -> None:
    assert talk(b"") == b""
    one, other = question(3), question(4)
    assert talk(framed(one) + framed(other)) == answered(one, b"more") + answered(other, b"more")


def test_an_answer_has_no_more_of_many_combinations_than_the_status(talk: Talk) -> None:
    asked = question(MAX_RESULTS + 2)
    answer = ANSWER.validate_json(talk(framed(asked)).partition(b"\n")[2])
    assert len(analyse_records(asked).analysis.comparisons) == MAX_RESULTS + 2
    assert answer == shortened(analyse_records(asked), MAX_RESULTS)


@pytest.mark.parametrize(("limit", "most", "answers"), [("MOST_QUESTIONS", 2, 2), ("MOST_BYTES", 1, 1)])
def test_it_answers_no_more_once_it_has_answered_much_or_has_grown(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, answers: int
) -> None:
    monkeypatch.setattr(analysis_process, limit, most)
    one = question(3)
    assert talk(framed(one) * 3) == answered(one, b"more") * (answers - 1) + answered(one, b"last")
