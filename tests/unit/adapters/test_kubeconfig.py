"""A kubeconfig is read as kubectl reads it; whatever else stands there, one sentence names file and field."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regsweep.adapters.kubeconfig import MAX_BYTES, Selection, kubeconfig_paths, read_kubeconfigs, select
from regsweep.errors import KubeconfigError

Document = dict[str, JsonValue]


def document(**changes: JsonValue) -> Document:
    """A kubeconfig of one context; `cluster`, `user` and `context` replace what these hold."""
    cluster = changes.pop("cluster", {"server": "https://10.0.0.1:6443"})
    user = changes.pop("user", {"token": "abc"})
    context = changes.pop("context", {"cluster": "main", "user": "dev", "namespace": "team"})
    whole: Document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": context}],
        "clusters": [{"name": "main", "cluster": cluster}],
        "users": [{"name": "dev", "user": user}],
    }
    return {key: value for key, value in (whole | changes).items() if value != "absent"}


def chosen(path: Path, content: Document | bytes, context: str | None = None) -> Selection:
    path.write_bytes(content if isinstance(content, bytes) else yaml.safe_dump(content).encode())
    return select(read_kubeconfigs([path], must_exist=True), context)


def test_a_context_comes_to_its_cluster_user_and_namespace(tmp_path: Path) -> None:
    found = chosen(tmp_path / "config", document())
    assert found.cluster.value.server == "https://10.0.0.1:6443"
    assert found.user is not None and found.user.value.token == "abc"
    assert found.context.value.namespace == "team"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty. A kubeconfig has clusters, users and contexts.", id="empty"),
        pytest.param(b"# nothing\n", "is empty.", id="a comment alone"),
        pytest.param(b"[a, b]", "contains a list. A kubeconfig is a mapping", id="a list"),
        pytest.param(b"hello", "contains a string.", id="a text"),
        pytest.param(b"12", "contains a number.", id="a number"),
        pytest.param(b"\xff\xfe\x00\x9d\x80", "is not YAML: it contains bytes that are not text.", id="binary"),
        pytest.param(b"a: \x00", "is not YAML: it contains bytes that are not text.", id="a text with a NUL"),
        pytest.param(b"a: [", "is not YAML: line 1, column 5", id="an open bracket"),
        pytest.param(b"a: 1\n---\nb: 2\n", "is not YAML: line 2, column 1", id="two documents"),
        pytest.param(b"[" * 20_000, "is not YAML: it is nested too deeply.", id="nested without end"),
        pytest.param(b"clusters: {a: b}", "clusters: must be a list, got a mapping.", id="no list of clusters"),
        pytest.param(b"contexts: [a]", "contexts[0]: must be a mapping, got a string.", id="an entry that is a text"),
        pytest.param(b"users: [{user: {}}]", "users[0].name: is missing.", id="an entry without a name"),
        pytest.param(
            b"users: [{name: 12}]",
            "users[0].name: must be a string, got a number. Write it in quotes.",
            id="a name that is a number",
        ),
        pytest.param(
            b"current-context: [a]",
            "current-context: must be a string, got a list.",
            id="a current context that is a list",
        ),
        pytest.param(
            b"{}", "current-context is not set. Choose one with `kubectl config use-context`", id="no context"
        ),
        pytest.param(b"x" * (MAX_BYTES + 1), "is larger than 4 MiB, too large for a kubeconfig.", id="huge"),
    ],
)
def test_a_file_that_is_not_a_kubeconfig_is_reported_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        chosen(tmp_path / "config", content)
    assert str(caught.value).startswith(f"{tmp_path / 'config'}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"current-context": "other"}, "context other does not exist. Contexts: here.", id="an unknown context"
        ),
        pytest.param({"contexts": None}, "context here does not exist. Contexts: none.", id="no contexts"),
        pytest.param({"context": None}, "contexts[here].context.cluster: is missing.", id="an empty context"),
        pytest.param(
            {"context": "x"}, "contexts[here].context: must be a mapping, got a string.", id="a context that is a text"
        ),
        pytest.param(
            {"context": {"cluster": "gone"}},
            "contexts[here].context.cluster: cluster gone does not exist. Clusters: main.",
            id="an unknown cluster",
        ),
        pytest.param(
            {"context": {"cluster": "main", "user": "gone"}},
            "contexts[here].context.user: user gone does not exist. Users: dev.",
            id="an unknown user",
        ),
        pytest.param({"cluster": {}}, "clusters[main].cluster.server: is missing.", id="no server"),
        pytest.param(
            {"cluster": {"server": ""}}, "clusters[main].cluster.server: '' is not an address", id="an empty server"
        ),
        pytest.param(
            {"cluster": {"server": "10.0.0.1:6443"}},
            "server: '10.0.0.1:6443' is not an address: it must begin with https://",
            id="a server without a scheme",
        ),
        pytest.param({"cluster": {"server": "https://"}}, "and name a host", id="a server without a host"),
        pytest.param(
            {"cluster": {"server": "https://a:99999"}}, "'https://a:99999' is not an address", id="a port out of range"
        ),
        pytest.param(
            {"cluster": {"server": "https://a..b"}}, "'https://a..b' is not an address", id="a host with an empty label"
        ),
        pytest.param({"cluster": {"server": "https://[::1"}}, "is not an address", id="half an IPv6 address"),
        pytest.param(
            {"cluster": {"server": ["x"]}},
            "clusters[main].cluster.server: must be a string, got a list.",
            id="a server that is a list",
        ),
        pytest.param(
            {"cluster": {"server": "https://a", "proxy-url": "socks5://p"}},
            "clusters[main].cluster.proxy-url: 'socks5://p' is not an address",
            id="a proxy that cannot be used",
        ),
        pytest.param(
            {"cluster": {"server": "https://a", "insecure-skip-tls-verify": "yes"}},
            "insecure-skip-tls-verify: must be true or false, got a string.",
            id="a text for a boolean",
        ),
        pytest.param(
            {"cluster": {"server": "https://a", "certificate-authority": "gone.crt"}},
            "clusters[main].cluster.certificate-authority: ",
            id="a certificate that is not there",
        ),
        pytest.param(
            {"cluster": {"server": "https://a", "certificate-authority-data": "!!!"}},
            "clusters[main].cluster.certificate-authority-data: is not base64",
            id="a certificate in bad base64",
        ),
        pytest.param(
            {"user": {"client-key-data": "YQ==", "client-certificate-data": "YQ="}},
            "users[dev].user.client-certificate-data: is not base64",
            id="a client certificate in bad base64",
        ),
        pytest.param(
            {"user": {"client-certificate-data": "YQ=="}},
            "users[dev].user.client-key: is missing",
            id="a certificate without a key",
        ),
        pytest.param(
            {"user": {"client-key-data": "YQ=="}},
            "users[dev].user.client-certificate: is missing",
            id="a key without a certificate",
        ),
        pytest.param(
            {"user": {"tokenFile": "gone"}}, "users[dev].user.tokenFile: ", id="a token's file that is not there"
        ),
        pytest.param(
            {"user": {"token": 12}},
            "users[dev].user.token: must be a string, got a number. Write it in quotes.",
            id="a token that is a number",
        ),
        pytest.param(
            {"user": {"token": "a\nb"}}, "users[dev].user.token: contains no token", id="a token of two lines"
        ),
        pytest.param({"user": {"token": "ä"}}, "users[dev].user.token: contains no token", id="a token with an umlaut"),
        pytest.param(
            {"user": {"exec": {"apiVersion": "v1"}}},
            "users[dev].user.exec.command: is missing.",
            id="a plugin without a command",
        ),
        pytest.param(
            {"user": {"exec": {"apiVersion": "v1", "command": ""}}},
            "users[dev].user.exec.command: is empty.",
            id="a plugin with an empty command",
        ),
        pytest.param(
            {"user": {"exec": {"apiVersion": "v1", "command": "x", "args": "a"}}},
            "users[dev].user.exec.args: must be a list, got a string.",
            id="arguments that are a text",
        ),
        pytest.param(
            {"user": {"exec": {"apiVersion": "v1", "command": "x", "env": [{"name": "A"}]}}},
            "users[dev].user.exec.env[0].value: is missing.",
            id="a variable without a value",
        ),
    ],
)
def test_what_is_wrong_is_reported_by_file_and_field(tmp_path: Path, changes: Document, said: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        chosen(tmp_path / "config", document(**changes))
    assert str(caught.value).startswith(f"{tmp_path / 'config'}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "context"),
    [
        pytest.param({"users": None, "context": {"cluster": "main"}}, None, id="no user: requests without credentials"),
        pytest.param({"user": None}, None, id="an empty user"),
        pytest.param({"user": {"token": "", "client-certificate": "", "tokenFile": ""}}, None, id="empty fields"),
        pytest.param(
            {"user": {"auth-provider": {"name": "oidc", "config": {"expiry": "2026-01-01T00:00:00Z"}}}},
            None,
            id="a date that is text",
        ),
        pytest.param({"cluster": {"server": "https://[::1]:6443"}}, None, id="an IPv6 address"),
        pytest.param({"current-context": "absent"}, "here", id="a context that is named"),
        pytest.param(
            {"users": [{"name": "bad", "user": 1}, {"name": "dev", "user": {}}]}, None, id="another user that is wrong"
        ),
        pytest.param({"extensions": [1], "preferences": "x"}, None, id="fields that are not ours to read"),
    ],
)
def test_what_kubectl_takes_is_taken(tmp_path: Path, changes: Document, context: str | None) -> None:
    assert chosen(tmp_path / "config", document(**changes), context).context.name == "here"


def test_a_byte_order_mark_and_json_are_read(tmp_path: Path) -> None:
    assert chosen(tmp_path / "config", b"\xef\xbb\xbf" + yaml.safe_dump(document(), default_flow_style=True).encode())


def test_a_file_is_looked_for_beside_the_kubeconfig_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_text("x")
    (tmp_path / "token").write_text("  from-file\n")
    monkeypatch.chdir("/")
    cluster: Document = {"server": "https://a", "certificate-authority": "ca.crt"}
    found = chosen(tmp_path / "config", document(cluster=cluster, user={"tokenFile": "token", "token": "beside"}))
    assert found.cluster.value.certificate_authority == str(tmp_path / "ca.crt")
    assert found.user is not None and found.user.value.token == "from-file", (
        "the file's comes first, without its line end"
    )


def test_of_several_files_the_first_that_says_something_wins(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    there: Document = {"current-context": "there", "cluster": {"server": "https://other"}}
    one.write_text(yaml.safe_dump(document(users=None)))
    other.write_text(yaml.safe_dump(document(**there)))
    found = select(read_kubeconfigs([one, tmp_path / "absent", other], must_exist=False), None)
    assert found.context.name == "here"
    assert found.cluster.value.server == "https://10.0.0.1:6443"
    assert found.user is not None and found.user.file == other


def test_the_files_are_those_that_kubectl_would_read(tmp_path: Path) -> None:
    assert kubeconfig_paths(tmp_path / "x", {"KUBECONFIG": "/y"}) == (tmp_path / "x",)
    assert kubeconfig_paths(None, {"KUBECONFIG": f"/a{os.pathsep}{os.pathsep}/b"}) == (Path("/a"), Path("/b"))
    assert (
        kubeconfig_paths(None, {"KUBECONFIG": ""}) == kubeconfig_paths(None, {}) == (Path.home() / ".kube" / "config",)
    )


def test_a_file_that_does_not_exist_is_an_error_only_where_it_was_named(tmp_path: Path) -> None:
    assert read_kubeconfigs([tmp_path / "absent"], must_exist=False) == {}
    with pytest.raises(KubeconfigError, match=r"absent: the file does not exist\."):
        read_kubeconfigs([tmp_path / "absent"], must_exist=True)


def test_a_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r": cannot be read: Is a directory\.$"):
        read_kubeconfigs([tmp_path], must_exist=True)


def test_what_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(KubeconfigError, match="/dev/zero: is larger than 4 MiB"):
        read_kubeconfigs([Path("/dev/zero")], must_exist=True)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["https://a", "here", "main", base64.b64encode(b"x").decode()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "cluster", "user", "context", "server", "token", "exec", "command", "env"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["clusters", "contexts", "users", "current-context", "cluster", "user", "context"]), anything
    )
)
def test_whatever_stands_there_comes_to_a_context_or_to_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: Document
) -> None:
    path = tmp_path_factory.mktemp("any") / "config"
    try:
        chosen(path, document(**changes))
    except KubeconfigError as error:
        assert str(path) in str(error)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_come_to_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with pytest.raises(KubeconfigError):
        chosen(tmp_path_factory.mktemp("any") / "config", content)
