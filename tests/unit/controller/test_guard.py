"""/metrics behind TLS and a login: only who has both reads it, and the kubelet's probes need neither."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from cluster.pki import Authority
from regsweep.adapters.secret_files import SecretFileError
from regsweep.controller.process.guard import Guard
from regsweep.controller.process.health import HealthServer
from regsweep.controller.process.operator import Operator
from regsweep.metrics import Metrics
from unit.controller.fake_cluster import FakeCluster, settings

PATHS = ("/livez", "/metrics")
OPEN, SHUT = [200, 200], [200, 401]


@asynccontextmanager
async def serving(guard: Guard) -> AsyncIterator[str]:
    """Its address without a scheme."""
    metrics = Metrics()
    operator = Operator(FakeCluster().api, settings(), metrics)
    server = HealthServer(operator.health, metrics, "127.0.0.1", 0, guard)
    port = await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop()


def trusting(authority: Authority, *, client: Authority | None = None) -> ssl.SSLContext:
    """A scraper's context. client: who has signed its certificate."""
    context = ssl.create_default_context(cafile=authority.pair.certificate)
    if client is not None:
        pair = client.issue("client", "prometheus")
        context.load_cert_chain(pair.certificate, pair.key)
    return context


async def answers(address: str, context: ssl.SSLContext, token: str | None = None) -> list[int]:
    """Status of a probe and of /metrics, each on a connection of its own."""
    headers = {"Authorization": token} if token is not None else {}
    found = []
    for path in PATHS:
        async with (
            ClientSession(connector=TCPConnector(ssl=context)) as session,
            session.get(f"https://{address}{path}", headers=headers) as answer,
        ):
            found.append(answer.status)
    return found


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> dict[str, Path]:
    """Certificate and key of the operator."""
    pair = authority.issue("operator", "operator", hosts=["127.0.0.1"])
    return {"certificate_file": pair.certificate, "key_file": pair.key}


async def test_by_default_everything_is_plain_and_open() -> None:
    async with serving(Guard()) as address, ClientSession() as session:
        for path in PATHS:
            async with session.get(f"http://{address}{path}") as answer:
                assert answer.status == 200


async def test_tls_alone_asks_for_no_login(authority: Authority, files: dict[str, Path]) -> None:
    async with serving(Guard(**files)) as address:
        assert await answers(address, trusting(authority)) == OPEN
        with pytest.raises(ClientError):
            async with ClientSession() as session, session.get(f"http://{address}/metrics"):
                pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("Bearer word", OPEN, id="the token"),
        pytest.param(None, SHUT, id="none"),
        pytest.param("Bearer other", SHUT, id="another one"),
        pytest.param("Bearer wor", SHUT, id="a part of it"),
        pytest.param("word", SHUT, id="without its scheme"),
        pytest.param("Basic word", SHUT, id="by another scheme"),
        pytest.param("Bearer w\u00f6rd", SHUT, id="letters that are no ASCII"),
    ],
)
async def test_a_token_opens_the_metrics(
    authority: Authority, files: dict[str, Path], tmp_path: Path, given: str | None, expected: list[int]
) -> None:
    (tmp_path / "token").write_text("word\n")
    async with serving(Guard(**files, token_file=tmp_path / "token")) as address:
        assert await answers(address, trusting(authority), given) == expected


async def test_a_token_is_read_anew_and_one_that_cannot_be_read_opens_nothing(
    authority: Authority, files: dict[str, Path], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    async with serving(Guard(**files, token_file=token)) as address:
        for content, given, status in (
            ("one", "Bearer one", 200),
            ("two", "Bearer one", 401),
            ("two", "Bearer two", 200),
            ("", "Bearer ", 503),
            (None, "Bearer two", 503),
        ):
            token.write_text(content) if content is not None else token.unlink()
            assert await answers(address, trusting(authority), given) == [200, status]


async def test_a_client_certificate_opens_the_metrics_and_probes_need_none(
    authority: Authority, files: dict[str, Path], tmp_path: Path
) -> None:
    clients = Authority(tmp_path / "clients")
    async with serving(Guard(**files, client_ca_file=clients.pair.certificate)) as address:
        assert await answers(address, trusting(authority, client=clients)) == OPEN
        assert await answers(address, trusting(authority)) == SHUT
        with pytest.raises((ClientError, OSError)):
            await answers(address, trusting(authority, client=Authority(tmp_path / "strangers")))


async def test_where_both_are_asked_for_one_is_not_enough(
    authority: Authority, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("word")
    guard = Guard(**files, client_ca_file=authority.pair.certificate, token_file=tmp_path / "token")
    with_certificate = trusting(authority, client=authority)
    async with serving(guard) as address:
        assert await answers(address, with_certificate, "Bearer word") == OPEN
        assert await answers(address, with_certificate) == SHUT
        assert await answers(address, trusting(authority), "Bearer word") == SHUT


async def test_renewed_certificates_are_served_without_a_restart(
    authority: Authority, files: dict[str, Path], tmp_path: Path
) -> None:
    """Of the server and of the clients' authority; a pair that does not belong together is passed over until it does."""
    later, clients = Authority(tmp_path / "later"), Authority(tmp_path / "clients")
    renewed = later.issue("operator", "operator", hosts=["127.0.0.1"])
    ca = tmp_path / "ca"
    ca.write_bytes(authority.pair.certificate.read_bytes())
    async with serving(Guard(**files, client_ca_file=ca)) as address:
        assert await answers(address, trusting(authority, client=authority)) == OPEN
        files["certificate_file"].write_bytes(renewed.certificate.read_bytes())
        assert await answers(address, trusting(authority, client=authority)) == OPEN
        files["key_file"].write_bytes(renewed.key.read_bytes())
        ca.write_bytes(clients.pair.certificate.read_bytes())
        assert await answers(address, trusting(later, client=clients)) == OPEN
        with pytest.raises((ClientError, OSError)):
            await answers(address, trusting(later, client=authority))


async def test_without_its_certificate_it_does_not_start(files: dict[str, Path], tmp_path: Path) -> None:
    files["key_file"].write_text("no key")
    with pytest.raises(SecretFileError, match="are no certificate in PEM with its key"):
        async with serving(Guard(**files)):
            pass
