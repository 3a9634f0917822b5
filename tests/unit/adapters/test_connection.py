"""From a kubeconfig to what the client needs: plugins, certificates, renewal; what fails says so in one sentence."""

from __future__ import annotations

import base64
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import JsonValue

from regsweep.adapters import kubeconfig_access, service_account
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient, authorization_header
from regsweep.errors import KubeconfigError, Unavailable

Document = dict[str, JsonValue]
API_VERSION = "client.authentication.k8s.io/v1"


def kubeconfig(tmp_path: Path, user: Document | None = None, cluster: Document | None = None) -> Path:
    path = tmp_path / "config"
    whole = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "main", "user": "dev"}}],
        "clusters": [{"name": "main", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "dev", "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(whole))
    return path


def plugin(tmp_path: Path, script: str, **fields: JsonValue) -> Document:
    """A user whose credentials come from this shell script."""
    program = tmp_path / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": API_VERSION, "command": "./plugin", **fields}}


def printing(status: JsonValue, version: str = API_VERSION) -> str:
    return f"cat <<'END'\n{json.dumps({'apiVersion': version, 'kind': 'ExecCredential', 'status': status})}\nEND"


def certificate(password: bytes | None = None) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encryption = (
        serialization.BestAvailableEncryption(password) if password is not None else serialization.NoEncryption()
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return made.public_bytes(serialization.Encoding.PEM), private


def data(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


async def test_a_plugin_gives_the_token(tmp_path: Path) -> None:
    user = plugin(
        tmp_path,
        f'test "$1" = get && test "$WHO" = me && test -n "$KUBERNETES_EXEC_INFO" || exit 9\n{printing({"token": " t0ken "})}',
        args=["get"],
        env=[{"name": "WHO", "value": "me"}],
    )
    found = await load_connection(kubeconfig(tmp_path, user))
    assert await authorization_header(found.access) == {"Authorization": "Bearer t0ken"}


async def test_a_plugin_gives_a_certificate_with_its_key(tmp_path: Path) -> None:
    public, private = certificate()
    status: Document = {"clientCertificateData": public.decode(), "clientKeyData": private.decode()}
    found = await load_connection(kubeconfig(tmp_path, plugin(tmp_path, printing(status))))
    assert found.access.certificate_file and found.access.key_file
    assert await authorization_header(found.access) == {}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            "echo please log in >&2; exit 3",
            "exec: plugin returned no credentials and ended with exit code 3.",
            id="it fails",
        ),
        pytest.param(
            "kill -9 $$", "exec: plugin returned no credentials and ended with exit code -9.", id="it is killed"
        ),
        pytest.param("true", "exec: plugin printed no ExecCredential (JSON: ", id="it prints nothing"),
        pytest.param("echo '[]'", "exec: plugin printed no ExecCredential (JSON: ", id="it prints a list"),
        pytest.param("printf '\\377'", "exec: plugin printed no ExecCredential (JSON: ", id="it prints binary"),
        pytest.param(printing(None), "exec: plugin printed no ExecCredential (status: ", id="no status"),
        pytest.param(
            printing({"token": 1}),
            "exec: plugin printed no ExecCredential (status.token: ",
            id="a token that is a number",
        ),
        pytest.param(
            printing({}), "exec: plugin printed neither a token nor a certificate with its key.", id="an empty status"
        ),
        pytest.param(printing({"token": "a\nb"}), "exec: plugin: contains no token", id="a token of two lines"),
        pytest.param(
            printing({"clientCertificateData": "x"}), "exec: plugin printed neither", id="a certificate without a key"
        ),
        pytest.param(
            printing({"clientCertificateData": "x", "clientKeyData": "y"}),
            "exec: is not a PEM certificate that belongs to the unencrypted key",
            id="a certificate that is none",
        ),
        pytest.param(
            printing({"token": "t"}, "other/v1"),
            "exec.apiVersion: is client.authentication.k8s.io/v1, but plugin printed",
            id="another version",
        ),
        pytest.param("head -c 3000000 /dev/zero", "exec: plugin printed no ExecCredential", id="megabytes of nothing"),
    ],
)
async def test_a_plugin_that_fails_is_reported(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        await load_connection(kubeconfig(tmp_path, plugin(tmp_path, script)))
    assert str(caught.value).startswith(f"{tmp_path / 'config'}: users[dev].user.{said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param(
            {"command": "no-such-plugin"},
            "no-such-plugin cannot be started: it does not exist. Install it, or configure another one.",
            id="not there",
        ),
        pytest.param(
            {"command": "no-such-plugin", "installHint": "Run\n  get it"},
            "it does not exist. Run get it",
            id="not there, with a hint",
        ),
        pytest.param({"command": "/dev/null"}, "/dev/null cannot be started: Permission denied.", id="not executable"),
        pytest.param({"command": "a\0b"}, "cannot be started: embedded null byte.", id="a name that no file has"),
    ],
)
async def test_a_plugin_that_cannot_be_started_is_reported(tmp_path: Path, fields: Document, said: str) -> None:
    user: Document = {"exec": {"apiVersion": API_VERSION, **fields}}
    with pytest.raises(KubeconfigError) as caught:
        await load_connection(kubeconfig(tmp_path, user))
    assert str(caught.value).startswith(f"{tmp_path / 'config'}: users[dev].user.exec.command: ")
    assert said in str(caught.value)


async def test_invalid_certificates_are_reported_by_field(tmp_path: Path) -> None:
    public, private = certificate()
    _, other = certificate()
    _, locked = certificate(password=b"secret")
    garbage = data(b"garbage")
    (tmp_path / "empty").touch()
    for cluster, user, field in (
        (
            {"certificate-authority-data": garbage},
            {},
            "clusters[main].cluster.certificate-authority-data: contains no PEM certificate",
        ),
        (
            {"certificate-authority": "empty"},
            {},
            "clusters[main].cluster.certificate-authority: contains no PEM certificate",
        ),
        (
            {},
            {"client-certificate-data": garbage, "client-key-data": data(private)},
            "users[dev].user.client-certificate-data: ",
        ),
        (
            {},
            {"client-certificate-data": data(public), "client-key-data": garbage},
            "users[dev].user.client-certificate-data: ",
        ),
        (
            {},
            {"client-certificate-data": data(public), "client-key-data": data(other)},
            "users[dev].user.client-certificate-data: ",
        ),
        (
            {},
            {"client-certificate-data": data(public), "client-key-data": data(locked)},
            "users[dev].user.client-certificate-data: ",
        ),
    ):
        with pytest.raises(KubeconfigError) as caught:
            await load_connection(kubeconfig(tmp_path, dict(user), dict(cluster)))
        assert str(caught.value).startswith(f"{tmp_path / 'config'}: {field}"), str(caught.value)
    user_: Document = {"client-certificate-data": data(public), "client-key-data": data(private)}
    found = await load_connection(kubeconfig(tmp_path, user_, {"certificate-authority-data": data(public)}))
    await KubeClient(found.access).close()


@pytest.mark.parametrize(
    "user",
    [
        pytest.param({}, id="no credentials"),
        pytest.param({"username": "me"}, id="a name without a password"),
        pytest.param({"auth-provider": {"name": "unknown"}}, id="an unknown provider"),
    ],
)
async def test_a_user_without_credentials_asks_without_them(tmp_path: Path, user: Document) -> None:
    assert await authorization_header((await load_connection(kubeconfig(tmp_path, user))).access) == {}


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param({"name": "oidc"}, id="no configuration"),
        pytest.param({"name": "oidc", "config": {"id-token": "a.b"}}, id="a token that is none"),
        pytest.param({"name": "oidc", "config": {"id-token": "a.b.c"}}, id="a token that holds no JSON"),
        pytest.param(
            {"name": "gcp", "config": {"cmd-path": "no-such-program", "cmd-args": "x"}},
            id="a program that is not there",
        ),
        pytest.param({"name": "gcp"}, id="no program"),
    ],
)
async def test_a_provider_that_fails_is_reported_by_field(tmp_path: Path, provider: Document) -> None:
    with pytest.raises(KubeconfigError, match=r"config: users\[dev\]\.user\.auth-provider: cannot be used: ."):
        await load_connection(kubeconfig(tmp_path, {"auth-provider": provider}))


async def test_with_neither_a_pod_nor_a_kubeconfig_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    with pytest.raises(
        KubeconfigError, match=r"no kubeconfig: .*one, .*two do not exist.*Set KUBECONFIG, or give --kubeconfig"
    ):
        await load_connection()


async def test_credentials_are_read_again_and_a_failure_then_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig(tmp_path, {"token": "one"})
    found = await load_connection(path)
    kubeconfig(tmp_path, {"token": "two"})
    assert await authorization_header(found.access) == {"Authorization": "Bearer one"}
    monkeypatch.setattr(kubeconfig_access, "RENEW_SECONDS", -1.0)
    assert await authorization_header(found.access) == {"Authorization": "Bearer two"}
    path.write_text("[")
    with pytest.raises(Unavailable, match="is not YAML"):
        await authorization_header(found.access)
    path.unlink()
    assert await authorization_header(found.access) == {"Authorization": "Bearer two"}, "what was read last stays"


@pytest.mark.parametrize(
    ("context", "namespace"),
    [
        pytest.param(None, "mine", id="the current context's namespace"),
        pytest.param("other", "default", id="a context without a namespace"),
    ],
)
async def test_the_namespace_is_the_one_that_kubectl_would_take(
    tmp_path: Path, context: str | None, namespace: str
) -> None:
    config = tmp_path / "config"
    contexts = [
        {"name": "here", "context": {"cluster": "c", "namespace": "mine"}},
        {"name": "other", "context": {"cluster": "c"}},
    ]
    clusters = [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]
    config.write_text(json.dumps({"current-context": "here", "contexts": contexts, "clusters": clusters}))
    assert (await load_connection(config, context)).namespace == namespace


async def test_a_kubeconfig_from_a_pipe_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, kubeconfig(tmp_path, {"token": "piped"}).read_bytes())
    os.close(write)
    monkeypatch.setattr(kubeconfig_access, "RENEW_SECONDS", -1.0)
    found = await load_connection(Path(f"/dev/fd/{read}"))
    assert await authorization_header(found.access) == {"Authorization": "Bearer piped"}
    os.close(read)


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service account's folder of a pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("t0ken\n")
    (folder / "ca.crt").write_bytes(certificate()[0])
    (folder / "namespace").write_text("mine\n")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", folder)
    return folder


async def test_in_a_pod_its_service_account_is_used(pod: Path) -> None:
    found = await load_connection()
    assert (found.access.host, found.namespace) == ("https://10.0.0.1:443", "mine")
    assert await authorization_header(found.access) == {"Authorization": "Bearer t0ken"}
    (pod / "namespace").unlink()
    assert (await load_connection()).namespace == "default"


async def test_a_token_that_the_kubelet_has_renewed_is_sent_from_the_next_request_on(pod: Path) -> None:
    found = await load_connection()
    (pod / "token.new").write_text("renewed")
    (pod / "token.new").rename(pod / "token")
    assert await authorization_header(found.access) == {"Authorization": "Bearer renewed"}
    (pod / "token").unlink()
    with pytest.raises(Unavailable, match="service account cannot be read"):
        await authorization_header(found.access)


async def test_an_ipv6_address_of_the_api_server_is_written_as_urls_want_it(
    pod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    assert (await load_connection()).access.host == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
async def test_a_pod_without_a_service_account_is_none(
    pod: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    (pod / missing).unlink()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-such-file"))
    with pytest.raises(KubeconfigError, match="this process does not run in a pod"):
        await load_connection()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param("token", b"", "the pod's service account cannot be read", id="an empty token"),
        pytest.param("token", b"two words", "the pod's service account cannot be read", id="a token of two words"),
        pytest.param("ca.crt", b"garbage", "ca.crt: contains no PEM certificate", id="a certificate that is none"),
        pytest.param("token", b"\xff\xfe", "the pod's service account cannot be read", id="a token that is no text"),
    ],
)
async def test_a_service_account_that_cannot_be_used_is_reported(
    pod: Path, file: str, content: bytes, said: str
) -> None:
    (pod / file).write_bytes(content)
    with pytest.raises(KubeconfigError) as caught:
        await load_connection()
    assert str(caught.value).startswith(str(pod)) and said in str(caught.value)
