"""The Prometheus client: an answer comes through as it is, everything else is a MetricsError that says what happened where."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from regsweep.adapters.prometheus import Prometheus
from regsweep.adapters.prometheus_failures import of_connection
from regsweep.adapters.prometheus_login import Login
from regsweep.errors import MetricsError
from unit.adapters.test_connection import certificate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server with one handler for everything; returns its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_query_is_posted_as_a_form_and_its_answer_comes_back_as_it_is(serve: Serve) -> None:
    asked: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        asked.update({"method": request.method, "path": request.path})
        asked.update({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(text="the body")

    prometheus = Prometheus(await serve(handler) + "/", timeout_seconds=3)
    assert await prometheus.query("up", 1000) == b"the body"
    await prometheus.close()
    assert asked == {"method": "POST", "path": "/api/v1/query", "query": "up", "timeout": "3s"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(
            400, '{"status":"error","errorType":"bad_data","error":"parse error"}', "parse error", id="a bad query"
        ),
        pytest.param(
            503, '{"status":"error","error":"query timed out"}', "query timed out", id="a query that took too long"
        ),
        pytest.param(502, "<html>Bad\n Gateway</html>", "<html>Bad Gateway</html>", id="a proxy's page"),
        pytest.param(500, "", "no message", id="a refusal without words"),
    ],
)
async def test_a_status_that_is_not_200_is_an_error_with_its_words(
    serve: Serve, status: int, body: str, words: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    prometheus = Prometheus(await serve(handler))
    with pytest.raises(MetricsError, match=f"HTTP {status}: .*{words}") as caught:
        await prometheus.query("up", 1000)
    await prometheus.close()
    assert caught.value.reason == "QueryFailed"


async def test_one_who_does_not_answer_is_given_up(serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    prometheus = Prometheus(await serve(handler), timeout_seconds=0.05)
    with pytest.raises(MetricsError, match=r"did not answer within 0\.05 s"):
        await prometheus.query("up", 1000)
    await prometheus.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1", id="nobody listens"),
        pytest.param("no-url", id="not a URL"),
    ],
)
async def test_one_who_cannot_be_reached_is_named(url: str) -> None:
    prometheus = Prometheus(url)
    with pytest.raises(MetricsError, match=f"Prometheus at {url} cannot be reached"):
        await prometheus.query("up", 1000)
    await prometheus.close()


async def test_a_token_is_read_anew_for_each_question(serve: Serve, tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}")

    token = tmp_path / "token"
    prometheus = Prometheus(await serve(handler), login=Login(token_file=token))
    for content in ("one\n", "two\n"):
        token.write_text(content)
        await prometheus.query("up", 1000)
    await prometheus.close()
    assert seen == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("status", [200, 500])
async def test_no_more_of_an_answer_is_read_than_asked_for(serve: Serve, status: int) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        with suppress(ConnectionError):
            while sent < 10**9:
                await response.write(b"x" * 65_536)
                sent += 65_536
        return response

    prometheus = Prometheus(await serve(handler))
    with pytest.raises(MetricsError, match="more than 1,000,000 bytes" if status == 200 else "HTTP 500"):
        await prometheus.query("up", 1_000_000)
    await prometheus.close()
    assert sent < 10**8


async def refusal(url: str, login: Login | None = None) -> str:
    prometheus = Prometheus(url, login=login)
    with pytest.raises(MetricsError) as caught:
        await prometheus.query("up", 1000)
    await prometheus.close()
    return str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            lambda: web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html"),
            "answered with a web page in place of data: a login page",
            id="a login page that calls itself 200",
        ),
        pytest.param(
            lambda: web.Response(text=" \n<html>", content_type="application/json"),
            "answered with a web page",
            id="a page that calls itself JSON",
        ),
        pytest.param(
            lambda: web.Response(status=302, headers={"Location": "https://sso.test/login?state=SECRET#f"}),
            "redirects to https://sso.test/login (HTTP 302), which is not followed",
            id="a redirection to a login",
        ),
        pytest.param(
            lambda: web.Response(status=308, headers={"Location": "/select/0/prometheus"}),
            "redirects to /select/0/prometheus (HTTP 308)",
            id="a redirection to another path",
        ),
        pytest.param(
            lambda: web.Response(status=307, headers={"Location": "https://user:SECRET@other.test/"}),
            "redirects to https://other.test/ (HTTP 307)",
            id="a redirection with a password",
        ),
        pytest.param(lambda: web.Response(status=303), "redirects to nowhere", id="a redirection to nowhere"),
        pytest.param(
            lambda: web.Response(status=302, headers={"Location": "http://[bad"}),
            "redirects to an address that is none",
            id="a redirection to what is no address",
        ),
        pytest.param(
            lambda: web.Response(status=401, text="token expired"),
            "refused the login (HTTP 401): token expired. It was sent no credentials. Set REGSWEEP_PROMETHEUS_TOKEN_FILE",
            id="a login that is missing",
        ),
        pytest.param(
            lambda: web.Response(status=403, text="RBAC: access denied"),
            "does not permit the query (HTTP 403): RBAC: access denied. It was sent no credentials. Its user lacks",
            id="a policy of a mesh",
        ),
        pytest.param(
            lambda: web.Response(status=404, text="404 page not found"),
            "has no /api/v1/query (HTTP 404): 404 page not found. Check the path",
            id="another path",
        ),
    ],
)
async def test_what_stands_between_is_named_with_what_to_set(
    serve: Serve, answer: Callable[[], web.Response], words: str
) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return answer()

    text = await refusal(await serve(handler))
    assert words in text and "SECRET" not in text
    assert asked == ["/api/v1/query"], "redirections are not followed"


async def test_one_who_closes_the_connection_may_be_in_a_mesh() -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        text = await refusal(f"http://127.0.0.1:{port}")
    assert "closed the connection without an answer. A service mesh with strict mTLS" in text


def test_a_connection_that_nobody_accepts_may_be_dropped_by_a_policy() -> None:
    text = of_connection("Prometheus at P", aiohttp.ConnectionTimeoutError(), 10, Login())
    assert text.startswith("Prometheus at P accepted no connection: a NetworkPolicy may drop it")


async def test_headers_and_parameters_go_along_and_cookies_do_not_come_back(serve: Serve) -> None:
    seen: list[tuple[str | None, str, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Scope-OrgID"), request.query_string, request.headers.get("Cookie")))
        response = web.Response(text="{}")
        response.set_cookie("session", "1")
        return response

    login = Login(headers={"X-Scope-OrgID": "a|b"}, parameters={"dedup": "true", "namespace": "a&b"})
    prometheus = Prometheus(await serve(handler), login=login)
    for _ in range(2):
        await prometheus.query("up", 1000)
    await prometheus.close()
    assert seen == [("a|b", "dedup=true&namespace=a%26b", None)] * 2


async def test_a_password_of_the_users_own_is_not_sent(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}")

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password SECRET\n")
    (tmp_path / "netrc").chmod(0o600)
    (tmp_path / "token").write_text("word")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for login in (Login(), Login(token_file=tmp_path / "token")):
        prometheus = Prometheus(await serve(handler), login=login)
        await prometheus.query("up", 1000)
        await prometheus.close()
    assert seen == [None, "Bearer word"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "token: No such file", id="no file"),
        pytest.param(b"", "token: is empty", id="an empty file"),
        pytest.param(b"\n", "token: is empty", id="an empty line"),
        pytest.param(b"two words", "token: must hold one word", id="two words"),
        pytest.param(b"a\nb", "token: must hold one word", id="two lines, of which one could be a header"),
        pytest.param("ä".encode(), "token: must hold one word", id="no ASCII"),
        pytest.param(b"\xff\xfe", "token: is not UTF-8", id="no text"),
        pytest.param(b"x" * 65_537, "token: is larger than 65,536 bytes", id="too large"),
    ],
)
async def test_a_file_that_holds_no_token_is_named_and_not_shown(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    text = await refusal("http://127.0.0.1:1", Login(token_file=token))
    assert "cannot be asked: " in text and words in text
    assert not content or len(content) < 3 or content.decode(errors="replace") not in text


async def test_a_user_name_with_a_colon_would_be_another_ones(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("a:b")
    (tmp_path / "password").write_text("p")
    login = Login(username_file=tmp_path / "user", password_file=tmp_path / "password")
    assert "user: a user name for basic authentication has no colon" in await refusal("http://127.0.0.1:1", login)


async def test_a_password_may_have_spaces_and_any_letters(serve: Serve, tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}")

    (tmp_path / "user").write_text("reader")
    (tmp_path / "password").write_text(" pä:ss \n")
    login = Login(username_file=tmp_path / "user", password_file=tmp_path / "password")
    prometheus = Prometheus(await serve(handler), login=login)
    await prometheus.query("up", 1000)
    await prometheus.close()
    assert seen == [f"Basic {b64encode('reader: pä:ss '.encode()).decode()}"]


def key_and_certificate(folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    certificate_pem, key_pem = certificate(password)
    (folder / "key").write_bytes(key_pem)
    (folder / "certificate").write_bytes(certificate_pem)
    return folder / "key", folder / "certificate"


async def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    key, own = key_and_certificate(tmp_path)
    other_key, _ = key_and_certificate(other)
    text = tmp_path / "text"
    text.write_text("no PEM")
    url = "https://127.0.0.1:1"
    assert "text: holds no certificate in PEM" in await refusal(url, Login(ca_file=text))
    assert "gone: No such file" in await refusal(url, Login(ca_file=tmp_path / "gone"))
    assert "are no certificate in PEM with its key" in await refusal(url, Login(certificate_file=text, key_file=key))
    mismatch = await refusal(url, Login(certificate_file=own, key_file=other_key))
    assert "key values mismatch" in mismatch
    key, own = key_and_certificate(tmp_path, b"password")
    encrypted = await refusal(url, Login(certificate_file=own, key_file=key))
    assert "its key, which must not be encrypted" in encrypted, "nobody is there to be asked for its password"
