"""What the API server's refusals become: whether to try again is told by the error's class alone."""

from __future__ import annotations

import pytest

from regsweep.adapters.kube_errors import error_of
from regsweep.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NamespaceTerminating,
    NotFound,
    Refused,
    Unavailable,
    UnknownResource,
)


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        pytest.param(404, {"details": {"name": "mine"}}, NotFound, id="nothing of that name"),
        pytest.param(404, {"reason": "NotFound", "details": {}}, UnknownResource, id="a kind that is not installed"),
        pytest.param(404, {"message": "404 page not found"}, UnknownResource, id="a group that is not installed"),
        pytest.param(409, {"reason": "AlreadyExists"}, AlreadyExists, id="the name is taken"),
        pytest.param(409, {"reason": "Conflict"}, Conflict, id="another has written"),
        pytest.param(
            422, {"details": {"causes": [{"field": "metadata.uid"}]}}, Conflict, id="a patch for another object"
        ),
        pytest.param(422, {}, Refused, id="an object that breaks rules"),
        pytest.param(403, {"message": "jobs is forbidden"}, Refused, id="not allowed"),
        pytest.param(
            403,
            {"details": {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}},
            NamespaceTerminating,
            id="a namespace that is being deleted",
        ),
        pytest.param(410, {}, Expired, id="a version too old to watch from"),
        pytest.param(401, {}, Unavailable, id="a token that has expired"),
        pytest.param(429, {}, Unavailable, id="too many requests"),
        pytest.param(503, {}, Unavailable, id="a server that is starting"),
    ],
)
def test_an_answer_becomes(status: int, answer: dict[str, object], error: type[ApiError]) -> None:
    assert type(error_of(status, answer, None)) is error


def test_the_servers_own_words_and_its_wait_are_kept() -> None:
    error = error_of(429, {"message": "slow down"}, "7")
    assert (str(error), error.status, error.retry_after_seconds) == ("slow down", 429, 7.0)


@pytest.mark.parametrize(
    ("said", "seconds"), [("9" * 400, 60.0), (" 5 ", 5.0), ("²", None), ("-1", None), ("", None), ("Mon, 23 Nov", None)]
)
def test_a_wait_is_a_number_of_at_most_a_minute(said: str, seconds: float | None) -> None:
    assert error_of(429, {"message": "slow down"}, said).retry_after_seconds == seconds
