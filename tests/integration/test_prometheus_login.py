"""A Prometheus that is somebody else's: a real one behind TLS, a login and a client certificate, and a proxy that checks headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cluster.pki import Authority, Pair
from regsweep.adapters.prometheus import Prometheus
from regsweep.adapters.prometheus_login import Login
from regsweep.errors import MetricsError
from support.prometheus import LOGIN, PASSWORD, USER, running_prometheus

PREFIX = "/prom"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    """For both ends: the server is 127.0.0.1, and not localhost."""
    return authority.issue("both", "reader", hosts=["127.0.0.1"])


@pytest.fixture(scope="module")
def port(authority: Authority, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a Prometheus that wants all of it, below a path prefix."""
    tls = {
        "cert_file": str(pair.certificate),
        "key_file": str(pair.key),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.pair.certificate),
    }
    folder = tmp_path_factory.mktemp("prometheus") / "tls"
    with running_prometheus(folder, {**LOGIN, "tls_server_config": tls}, [f"--web.route-prefix={PREFIX}"]) as found:
        yield found


@pytest.fixture
def login(authority: Authority, pair: Pair, tmp_path: Path) -> Login:
    """All that it wants."""
    (tmp_path / "username").write_text(f"{USER}\n")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return Login(
        username_file=tmp_path / "username",
        password_file=tmp_path / "password",
        ca_file=authority.pair.certificate,
        certificate_file=pair.certificate,
        key_file=pair.key,
    )


async def asked(url: str, login: Login) -> bytes:
    prometheus = Prometheus(url, login=login)
    try:
        return await prometheus.query("vector(42)", 10_000)
    finally:
        await prometheus.close()


async def refusal(url: str, login: Login) -> str:
    with pytest.raises(MetricsError) as caught:
        await asked(url, login)
    return str(caught.value)


async def test_with_certificates_login_and_prefix_it_answers(port: int, login: Login) -> None:
    answer = json.loads(await asked(f"https://127.0.0.1:{port}{PREFIX}/", login))
    assert answer["data"]["result"][0]["value"][1] == "42"


Change = Callable[[Login, Path], Login]


def wrong_password(login: Login, folder: Path) -> Login:
    (folder / "password").write_text("another")
    return login


def other_authority(login: Login, folder: Path) -> Login:
    return replace(login, ca_file=Authority(folder / "other").pair.certificate)


def foreign_certificate(login: Login, folder: Path) -> Login:
    pair = Authority(folder / "stranger").issue("client", "reader")
    return replace(login, certificate_file=pair.certificate, key_file=pair.key)


@pytest.mark.parametrize(
    ("address", "change", "words"),
    [
        pytest.param(
            "https://127.0.0.1:{}/prom",
            wrong_password,
            ["refused the login (HTTP 401): Unauthorized", "the user name of", "Check that it is still valid"],
            id="a wrong password",
        ),
        pytest.param(
            "https://127.0.0.1:{}/prom",
            lambda login, _: replace(login, username_file=None, password_file=None),
            ["refused the login (HTTP 401)", "It was sent the client certificate", "REGSWEEP_PROMETHEUS_TOKEN_FILE"],
            id="no login",
        ),
        pytest.param(
            "https://127.0.0.1:{}/prom",
            other_authority,
            ["shows a certificate that is not trusted", "Set REGSWEEP_PROMETHEUS_CA_FILE"],
            id="signed by another authority",
        ),
        pytest.param(
            "https://127.0.0.1:{}/prom",
            lambda login, _: replace(login, ca_file=None),
            ["shows a certificate that is not trusted", "Set REGSWEEP_PROMETHEUS_CA_FILE"],
            id="an authority that the system does not know",
        ),
        pytest.param(
            "https://localhost:{}/prom",
            lambda login, _: login,
            ["not valid for 'localhost'", "Use a name in REGSWEEP_PROMETHEUS_URL that the certificate has"],
            id="another name than the certificate's",
        ),
        pytest.param(
            "https://127.0.0.1:{}/prom",
            lambda login, _: replace(login, certificate_file=None, key_file=None),
            ["refused the TLS connection", "certificate required", "set REGSWEEP_PROMETHEUS_CERTIFICATE_FILE"],
            id="no client certificate",
        ),
        pytest.param(
            "https://127.0.0.1:{}/prom",
            foreign_certificate,
            ["refused the TLS connection", "It was sent the user name of", "the client certificate"],
            id="a client certificate of a stranger",
        ),
        pytest.param(
            "http://127.0.0.1:{}/prom",
            lambda login, _: login,
            ["answered HTTP 400: Client sent an HTTP request to an HTTPS server"],
            id="plain HTTP",
        ),
        pytest.param(
            "https://127.0.0.1:{}",
            lambda login, _: login,
            ["has no /api/v1/query (HTTP 404)", "Check the path in REGSWEEP_PROMETHEUS_URL"],
            id="without the path prefix",
        ),
    ],
)
async def test_what_it_refuses_is_a_sentence_that_says_what_to_set(
    port: int, login: Login, tmp_path: Path, address: str, change: Change, words: list[str]
) -> None:
    text = await refusal(address.format(port), change(login, tmp_path))
    assert all(part in text for part in words), text
    assert PASSWORD not in text and "another" not in text


async def test_tls_where_plain_http_is_spoken_is_said(login: Login, tmp_path: Path) -> None:
    with running_prometheus(tmp_path / "plain", {}) as port:
        text = await refusal(f"https://127.0.0.1:{port}", login)
        assert json.loads(await asked(f"http://127.0.0.1:{port}", Login()))["status"] == "success"
    assert "It seems to speak plain HTTP: use http://" in text


async def test_renewed_secrets_are_taken_without_a_restart(port: int, login: Login, tmp_path: Path) -> None:
    right = replace(login, ca_file=tmp_path / "ca")
    assert login.ca_file is not None
    prometheus = Prometheus(f"https://127.0.0.1:{port}{PREFIX}", login=right)
    for password, authority, words in (
        ("old", login.ca_file, "HTTP 401"),
        (PASSWORD, Authority(tmp_path / "other").pair.certificate, "not trusted"),
    ):
        (tmp_path / "password").write_text(password)
        (tmp_path / "new").write_bytes(authority.read_bytes())
        (tmp_path / "new").rename(tmp_path / "ca")
        with pytest.raises(MetricsError, match=words):
            await prometheus.query("vector(42)", 10_000)
    (tmp_path / "new").write_bytes(login.ca_file.read_bytes())
    (tmp_path / "new").rename(tmp_path / "ca")
    assert b'"42"' in await prometheus.query("vector(42)", 10_000)
    await prometheus.close()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[str]:
    """A proxy such as Mimir's gateway: it wants a tenant, a parameter and a token, and asks a real Prometheus."""
    with running_prometheus(tmp_path / "behind", {}) as port:

        async def handler(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != "Bearer word":
                return web.Response(status=401, text="no org id")
            if request.headers.get("X-Scope-OrgID") != "team-a" or request.query.get("dedup") != "true":
                return web.Response(status=403, text="RBAC: access denied")
            async with aiohttp.ClientSession() as session:
                where = f"http://127.0.0.1:{port}{request.path.removeprefix('/prometheus')}"
                async with session.post(where, data=await request.post()) as response:
                    return web.Response(body=await response.read(), content_type=response.content_type)

        app = web.Application()
        app.router.add_post("/prometheus/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/prometheus"
        await runner.cleanup()


async def test_a_tenant_is_asked_about_by_header_parameter_and_prefix(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("word\n")
    login = Login(token_file=tmp_path / "token", headers={"X-Scope-OrgID": "team-a"}, parameters={"dedup": "true"})
    assert b'"42"' in await asked(gateway, login)
    assert "does not permit the query (HTTP 403): RBAC: access denied" in await refusal(
        gateway, replace(login, headers={})
    )
    assert "refused the login (HTTP 401): no org id. It was sent no credentials." in await refusal(
        gateway, replace(login, token_file=None)
    )
