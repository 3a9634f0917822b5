"""/metrics: the whole text against a literal; a scrape counts only if it began after the moment and was served whole."""

import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from regsweep_kit import server as kit_server
from regsweep_kit.epochs import Best
from regsweep_kit.errors import InvalidContractError, PortTakenError
from regsweep_kit.exposition import Exposition, Run, label_name
from regsweep_kit.record import Progress
from regsweep_kit.server import MetricsServer

EXPECTED = """\
# HELP regsweep_trainer_info 1; the swept flags as labels.
# TYPE regsweep_trainer_info gauge
regsweep_trainer_info{data_digest="fed3eb72d0575ef6",flag_dropout="0.5",flag_l2="1e-4",replicate="3",run="r",sweep="s"} 1.0
# HELP regsweep_trainer_metric Metric of the last epoch, in inference mode; train on a sample until complete.
# TYPE regsweep_trainer_metric gauge
regsweep_trainer_metric{metric="average_loss",replicate="3",run="r",split="train",sweep="s"} 0.25
regsweep_trainer_metric{metric="average_loss",replicate="3",run="r",split="val",sweep="s"} NaN
regsweep_trainer_metric{metric="regularization_loss",replicate="3",run="r",split="",sweep="s"} 0.5
# HELP regsweep_trainer_rows Rows that a split's metrics come from.
# TYPE regsweep_trainer_rows gauge
regsweep_trainer_rows{replicate="3",run="r",split="train",sweep="s"} 100.0
# HELP regsweep_trainer_epoch Epochs trained so far.
# TYPE regsweep_trainer_epoch gauge
regsweep_trainer_epoch{replicate="3",run="r",sweep="s"} 7.0
# HELP regsweep_trainer_epochs Epochs requested.
# TYPE regsweep_trainer_epochs gauge
regsweep_trainer_epochs{replicate="3",run="r",sweep="s"} 10.0
# HELP regsweep_trainer_best The objective's metric at its best epoch; train on a sample until complete.
# TYPE regsweep_trainer_best gauge
regsweep_trainer_best{replicate="3",run="r",split="train",sweep="s"} 0.125
regsweep_trainer_best{replicate="3",run="r",split="val",sweep="s"} 0.75
# HELP regsweep_trainer_best_epoch The epoch that was best for the objective, on the stop half of val.
# TYPE regsweep_trainer_best_epoch gauge
regsweep_trainer_best_epoch{replicate="3",run="r",sweep="s"} 4.0
# HELP regsweep_trainer_complete 1 once the replicate's values are final and its record is written.
# TYPE regsweep_trainer_complete gauge
regsweep_trainer_complete{replicate="3",run="r",sweep="s"} 0.0
"""


def exposition(*replicates: int, flags: dict[str, str] | None = None, data_digest: str = "") -> Exposition:
    return Exposition(Run("s", "r", replicates, 10, flags or {}, data_digest))


def test_the_exposition_is_this_text() -> None:
    shown = exposition(3, flags={"l2": "1e-4", "dropout": "0.5"}, data_digest="fed3eb72d0575ef6" * 4)
    values = {("average_loss", "train"): 0.25, ("average_loss", "val"): float("nan"), ("regularization_loss", ""): 0.5}
    shown.show(3, Progress(7, values, {"train": 100}, Best(4, 0.1, 0.125, 0.75)))
    assert shown.text().decode() == EXPECTED


def test_before_training_every_replicate_is_there_and_not_complete() -> None:
    text = exposition(0, 1).text().decode()
    assert text.count("regsweep_trainer_complete{") == 2
    assert 'regsweep_trainer_complete{replicate="1",run="r",sweep="s"} 0.0' in text
    assert 'regsweep_trainer_epoch{replicate="1",run="r",sweep="s"} 0.0' in text
    assert 'regsweep_trainer_info{replicate="1",run="r",sweep="s"} 1.0' in text
    assert "regsweep_trainer_metric{" not in text
    assert "regsweep_trainer_best_epoch{" not in text


def test_no_scrape_sees_complete_beside_values_that_are_not_final() -> None:
    shown = exposition(0)
    stop = threading.Event()

    def train() -> None:
        while not stop.is_set():
            shown.show(0, Progress(1, {("average_loss", "val"): 1.0}, {}, None))
            shown.show(0, Progress(2, {("average_loss", "val"): 2.0}, {}, None), complete=True)

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        for _ in range(300):
            text = shown.text().decode()
            complete = 'complete{replicate="0",run="r",sweep="s"} 1.0' in text
            assert ('split="val",sweep="s"} 2.0' in text) is complete
    finally:
        stop.set()
        trainer.join()


def test_two_flags_of_one_label_are_refused() -> None:
    with pytest.raises(
        InvalidContractError, match=r"REGSWEEP_FLAG_NAMES: 'a\.b' and another flag are both label flag_a_b"
    ):
        exposition(0, flags={"a-b": "1", "a.b": "1"})


@pytest.mark.parametrize(("flag", "label"), [("l2", "flag_l2"), ("my-flag.x", "flag_my_flag_x"), ("2x", "flag_2x")])
def test_a_flags_label(flag: str, label: str) -> None:
    assert label_name(flag) == label


class Gate:
    """An exposition whose rendering can be held, so that a scrape can begin before a moment and end after it."""

    def __init__(self) -> None:
        self.rendering, self.open = threading.Event(), threading.Event()
        self.open.set()

    def text(self) -> bytes:
        self.rendering.set()
        assert self.open.wait(10)
        return b"x 1\n"


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(gate: Gate) -> Iterator[MetricsServer]:
    server = MetricsServer(0, gate.text)
    yield server
    server.close()


def get(server: MetricsServer, path: str = "/metrics", method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_a_scrape_after_the_moment_counts(server: MetricsServer) -> None:
    moment = time.monotonic()
    response = get(server)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert server.wait_scraped(since=moment, seconds=10)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_is_scraped_on_every_address_of_the_pod_whatever_family_the_cluster_has(
    server: MetricsServer, address: str
) -> None:
    connection = http.client.HTTPConnection(address, server.port, timeout=10)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 200
    connection.close()


def test_where_no_thread_can_be_started_scrapes_are_served_one_after_the_other(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while the interpreter ends, from Python 3.12 on: a script waits for its last scrape then."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(socketserver.ThreadingMixIn, "process_request", refuse)
    monkeypatch.setattr(kit_server, "ALONE_SECONDS", 0.1)
    silent = socket.create_connection(("127.0.0.1", server.port))
    for _ in range(2):
        moment = time.monotonic()
        response = get(server)
        assert (response.status, response.headers["Connection"]) == (200, "close")
        assert server.wait_scraped(since=moment, seconds=10)
    silent.close()


def test_a_scrape_before_the_moment_does_not_count(server: MetricsServer) -> None:
    get(server)
    assert not server.wait_scraped(since=time.monotonic(), seconds=0.05)


def test_a_scrape_that_began_before_the_moment_and_ended_after_it_does_not_count(
    server: MetricsServer, gate: Gate
) -> None:
    gate.open.clear()
    scrape = threading.Thread(target=get, args=(server,))
    scrape.start()
    assert gate.rendering.wait(10)
    moment = time.monotonic()
    gate.open.set()
    scrape.join()
    assert not server.wait_scraped(since=moment, seconds=0.05)
    get(server)
    assert server.wait_scraped(since=moment, seconds=10)


def test_a_kept_connection_counts_each_scrape_by_its_own_beginning(server: MetricsServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    connection.getresponse().read()
    moment = time.monotonic()
    assert not server.wait_scraped(since=moment, seconds=0.05)
    connection.request("GET", "/metrics")
    connection.getresponse().read()
    assert server.wait_scraped(since=moment, seconds=10)


def test_a_scrape_that_was_broken_off_does_not_count(gate: Gate) -> None:
    server = MetricsServer(0, lambda: gate.text() * 5_000_000)  # more than the system's buffers hold
    try:
        moment = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100)
        assert not server.wait_scraped(since=moment, seconds=0.3)
    finally:
        server.close()


def test_a_scrape_counts_only_once_the_other_side_has_it_all() -> None:
    """The answer fits into this side's buffer, so that it is written at once, but not into the other side's."""
    server = MetricsServer(0, lambda: b"x" * 15_000)
    try:
        moment = time.monotonic()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(10)
            assert not server.wait_scraped(since=moment, seconds=0.3)
            while client.recv(1000):
                pass
        assert server.wait_scraped(since=moment, seconds=10)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metricsx", "GET", 404), ("/metrics", "HEAD", 501)]
)
def test_anything_but_a_get_of_metrics_does_not_count(
    server: MetricsServer, path: str, method: str, status: int
) -> None:
    moment = time.monotonic()
    assert get(server, path, method).status == status
    assert not server.wait_scraped(since=moment, seconds=0.05)


def test_a_taken_port_is_named(server: MetricsServer) -> None:
    with pytest.raises(
        PortTakenError, match=f"REGSWEEP_METRICS_PORT: cannot serve /metrics on port {server.port}: Address already"
    ):
        MetricsServer(server.port, lambda: b"")
