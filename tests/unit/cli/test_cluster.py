"""`regsweep results` up to the first answer: whatever the API server says, one sentence names where to look and what to do."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from regsweep.cli.exits import FAILED, USAGE
from regsweep.cli.main import app
from regsweep.cli.results import ResultsOptions, results_command
from regsweep.errors import RegsweepError
from regsweep.report.outputs import Output

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]
POD = '{"kind": "Pod", "metadata": {"name": "mine", "uid": "1", "resourceVersion": "1"}}'
PATH = "/apis/regsweep.dev/v1alpha1/namespaces/default/regularizationsweeps/mine"


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server with one handler for everything; returns its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler, context: ssl.SSLContext | None = None) -> str:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        runners.append(web.AppRunner(application, shutdown_timeout=0.1))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0, ssl_context=context).start()
        return f"{'http' if context is None else 'https'}://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def kubeconfig(tmp_path: Path, server: str, **cluster: str) -> Path:
    path = tmp_path / "config"
    whole = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "main", "user": "dev"}}],
        "clusters": [{"name": "main", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "dev", "user": {"token": "abc"}}],
    }
    path.write_text(yaml.safe_dump(whole))
    return path


async def refusal(path: Path, follow: bool = False) -> str:
    """What `regsweep results mine` says."""
    options = ResultsOptions("mine", None, follow, None, path, Output.TABLE, 20)
    with pytest.raises(RegsweepError) as caught:
        await asyncio.to_thread(results_command, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def status(code: int, message: str, name: str = "mine") -> Handler:
    """Answers as an API server refuses."""

    async def handler(_: web.Request) -> web.Response:
        answer = {"kind": "Status", "metadata": {}, "message": message, "code": code, "details": {"name": name}}
        return web.json_response(answer, status=code)

    return handler


def text(content: str, code: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=content, status=code)

    return handler


async def cut_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("https://login.example/")


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize(
    ("handler", "error_text"),
    [
        pytest.param(
            status(401, "Unauthorized"),
            "{file}: users[dev].user: the API server rejects these credentials (Unauthorized). "
            "Log in again, or renew the token or certificate.",
            id="credentials that have expired",
        ),
        pytest.param(
            status(403, 'regularizationsweeps "mine" is forbidden: User "dev" cannot get it'),
            '{file}: users[dev].user: the API server denies access: regularizationsweeps "mine" is forbidden: User "dev" cannot '
            "get it. The role `view` in the sweep's namespace is enough; ask an administrator for it.",
            id="a role that is missing",
        ),
        pytest.param(
            text("404 page not found\n", 404),
            "{file}: clusters[main].cluster.server: {server} has no RegularizationSweeps (404 page not found). Install regsweep "
            "there, or choose another cluster with --context.",
            id="regsweep is not installed",
        ),
        pytest.param(
            status(404, "not found"),
            "RegularizationSweep mine does not exist in namespace default. `kubectl get rsweep --all-namespaces` lists all "
            "sweeps; -n sets the namespace.",
            id="no sweep of that name",
        ),
        pytest.param(
            status(500, "etcd is away"),
            "{file}: clusters[main].cluster.server: {server}: etcd is away (HTTP 500). Try again later.",
            id="a server with troubles of its own",
        ),
        pytest.param(
            text("", 429),
            "{file}: clusters[main].cluster.server: {server}: Too Many Requests (HTTP 429). Try again later.",
            id="a server that is busy",
        ),
        pytest.param(
            redirect,
            "{file}: clusters[main].cluster.server: {server}: 302: Found. Check the address, and that it can be reached "
            "from here.",
            id="a page to log in at",
        ),
        pytest.param(
            cut_off,
            f"{{file}}: clusters[main].cluster.server: {{server}}: no usable answer to GET {PATH}: the connection was closed "
            "before the answer. Check the address, and that it can be reached from here.",
            id="a connection that is cut off",
        ),
        *(
            pytest.param(
                text(content),
                f"{{file}}: clusters[main].cluster.server: {{server}}: no usable answer to GET {PATH}: {problem}. "
                "Check the address, and that it can be reached from here.",
                id=f"an answer that is {name}",
            )
            for name, content, problem in (
                ("a page", "<html>", "it is not JSON"),
                ("empty", "", "it is not JSON"),
                ("a list", "[]", "it is not a Kubernetes object"),
                ("null", "null", "it is not a Kubernetes object"),
                ("another API's", '{"data": 1}', "it is not a Kubernetes object"),
                ("without end", "[" * 100_000, "it is nested too deeply"),
                ("another object", POD, "it is not a RegularizationSweep"),
                (
                    "half an object",
                    '{"kind": "RegularizationSweep", "metadata": {}}',
                    "it is not a RegularizationSweep",
                ),
            )
        ),
    ],
)
async def test_what_the_server_answers_is_reported_with_its_origin(
    serve: Serve, tmp_path: Path, handler: Handler, error_text: str, follow: bool
) -> None:
    server = await serve(handler)
    path = kubeconfig(tmp_path, server)
    assert await refusal(path, follow) == error_text.format(file=path, server=server)


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        pytest.param("https://127.0.0.1:1", "connection refused", id="nobody listens"),
        pytest.param("https://no-such-host.invalid", "the host name cannot be resolved", id="an unknown host"),
        pytest.param("https://[::1]:1", "", id="IPv6"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_reported(tmp_path: Path, server: str, problem: str) -> None:
    path = kubeconfig(tmp_path, server)
    error_text = await refusal(path)
    assert error_text.startswith(
        f"{path}: clusters[main].cluster.server: {server}: no usable answer to GET {PATH}: {problem}"
    )
    assert error_text.endswith(". Check the address, and that it can be reached from here.")


async def test_a_proxy_that_cannot_be_reached_is_reported_as_such(tmp_path: Path) -> None:
    error_text = await refusal(kubeconfig(tmp_path, "http://api.example", **{"proxy-url": "http://127.0.0.1:1"}))
    assert "the proxy cannot be reached" in error_text


def server_context(tmp_path: Path, valid_days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a self-signed certificate for 127.0.0.1, and that certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    end = datetime.now(UTC) + timedelta(days=valid_days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)
    return context, certificate


async def test_a_certificate_that_is_not_trusted_is_reported(serve: Serve, tmp_path: Path) -> None:
    context, certificate = server_context(tmp_path)
    server = await serve(text("{}"), context)
    assert "its certificate is not trusted: self-signed certificate" in await refusal(kubeconfig(tmp_path, server))
    other = server.replace("127.0.0.1", "localhost")
    trusting = kubeconfig(tmp_path, other, **{"certificate-authority": str(certificate)})
    assert "its certificate is not trusted: Hostname mismatch" in await refusal(trusting)


async def test_certificates_on_both_sides_are_taken_from_the_kubeconfig(serve: Serve, tmp_path: Path) -> None:
    context, certificate = server_context(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    server = await serve(status(404, "not found"), context)
    public, private = (base64.b64encode((tmp_path / name).read_bytes()).decode() for name in ("tls.crt", "tls.key"))
    path = kubeconfig(tmp_path, server, **{"certificate-authority-data": public})
    whole = yaml.safe_load(path.read_text())
    whole["users"] = [{"name": "dev", "user": {"client-certificate-data": public, "client-key-data": private}}]
    path.write_text(yaml.safe_dump(whole))
    assert (await refusal(path)).startswith("RegularizationSweep mine does not exist"), "the server has answered"


async def test_a_certificate_that_has_expired_is_reported(serve: Serve, tmp_path: Path) -> None:
    context, certificate = server_context(tmp_path, valid_days=-1)
    server = await serve(text("{}"), context)
    trusting = kubeconfig(tmp_path, server, **{"certificate-authority": str(certificate)})
    assert "its certificate is not trusted: certificate has expired" in await refusal(trusting)


async def test_tls_with_a_server_that_has_none_is_reported(serve: Serve, tmp_path: Path) -> None:
    server = (await serve(text("{}"))).replace("http:", "https:")
    assert "the TLS connection failed: " in await refusal(kubeconfig(tmp_path, server))


@pytest.mark.parametrize(
    ("named", "code"),
    [
        pytest.param(True, USAGE, id="on the command line"),
        pytest.param(False, FAILED, id="by the environment"),
    ],
)
def test_the_exit_code_says_who_named_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool, code: int
) -> None:
    path = tmp_path / "config"
    path.write_text("[]")
    monkeypatch.setenv("KUBECONFIG", str(path))
    done = CliRunner().invoke(app, ["results", "mine", *(["--kubeconfig", str(path)] if named else [])])
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr == (
        f"regsweep: {path}: contains a list. A kubeconfig is a mapping with clusters, users and contexts.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error_text"),
    [
        pytest.param(
            ["mine", "-n", ""],
            "Invalid value for '--namespace' / '-n': must be 1 to 63 lower-case",
            id="an empty namespace",
        ),
        pytest.param(["mine", "-n", "a/b"], 'got "a/b"', id="a namespace with a slash"),
        pytest.param(["mine", "-n", "A"], 'got "A"', id="a namespace in capitals"),
        pytest.param(["mine", "-n", "x" * 64], "must be 1 to 63", id="a namespace that is too long"),
        pytest.param(["ns/mine"], "Invalid value for 'name': must be at most 253 lower-case", id="a name with a slash"),
        pytest.param([""], 'got ""', id="an empty name"),
        pytest.param(["\x1b[31mx"], 'got "\\x1b[31mx"', id="a name with terminal escapes"),
        pytest.param(["mine", "--context", ""], "Invalid value for '--context': it is empty.", id="an empty context"),
        pytest.param(
            ["mine", "--kubeconfig", ""], "Invalid value for '--kubeconfig': it is empty.", id="an empty kubeconfig"
        ),
        pytest.param(["mine", "--rows", "-1"], "Invalid value for '--rows'", id="rows below zero"),
        pytest.param(["mine", "--rows", "many"], "Invalid value for '--rows'", id="rows that are no number"),
    ],
)
def test_odd_arguments_are_refused_before_anything_is_asked(arguments: list[str], error_text: str) -> None:
    done = CliRunner().invoke(app, ["results", *arguments])
    assert done.exit_code == USAGE
    assert error_text in done.stderr
    assert json.dumps(error_text) and "Traceback" not in done.stderr
