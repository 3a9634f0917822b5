"""Failures of a local run, described by processes and files instead of pods and limits."""

from __future__ import annotations

from pathlib import Path

from regsweep.api.conditions import Reason
from regsweep.core.results.messages import MalformedMessage, parse_message
from regsweep.core.results.records import Record
from regsweep.core.runs import ObservedPod
from regsweep.report.text import visible

HOW_TO_RETRY = "run the same command again"
HOW_TO_TRAIN_ANEW = "run it with the current data"
"""Both are parts of one sentence: "Restore the data, then start ...; or start it ... to train all of them again."."""
EXIT_CODES = {
    126: "the command cannot be executed",
    127: "the command was not found",
    134: "it aborted (SIGABRT)",
    137: "it was killed (SIGKILL)",
    139: "it crashed (SIGSEGV)",
    143: "it received SIGTERM",
}


def local_message(record: Record, pod: ObservedPod, output: Path, last_words: str) -> str:
    """Why the replicate failed and what to do, with the file of its output.

    last_words: the end of what the process printed; it is quoted where the trainer itself gave no reason.
    """
    cause = _cause(record, pod, last_words).rstrip()
    return f"{cause}{'' if cause.endswith(('.', '!', '?')) else '.'} Its output is in {visible(str(output))}"


def _cause(record: Record, pod: ObservedPod, last_words: str) -> str:
    if record.reason is Reason.OUT_OF_MEMORY:
        return "The machine ran out of memory. Lower --parallelism, batch_size or units."
    if record.reason is Reason.TIMEOUT:
        return "It was stopped at its time limit. Raise spec.runTimeoutSeconds, or train fewer epochs."
    if record.reason is not Reason.TRAINER_FAILED:
        return record.message
    meaning = f", {EXIT_CODES[pod.exit_code]}" if pod.exit_code in EXIT_CODES else ""
    text = f"The trainer ended with exit code {pod.exit_code}{meaning}."
    message = parse_message(pod.message)
    quote = message.error.message if not isinstance(message, MalformedMessage) and message.error else last_words
    return f"{text} Its message: {' '.join(quote.split())}" if quote else text
