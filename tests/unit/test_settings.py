"""Settings of the operator come from the environment, and a wrong one is named by its variable."""

from __future__ import annotations

import re

import pytest

from regsweep.api.validation import parse_sweep
from regsweep.errors import RegsweepError
from regsweep.operator_reference import operator_page
from regsweep.settings import Settings, load_prometheus_settings, load_settings, variable_of


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGSWEEP_TRAINER_IMAGE", "t:1")
    monkeypatch.setenv("REGSWEEP_NAMESPACES", '["a", "b"]')
    monkeypatch.setenv("REGSWEEP_TRAINER_ENV", '{"X": "1"}')
    monkeypatch.setenv("POD_NAME", "regsweep-0")
    loaded = load_settings()
    assert loaded.trainer_image == "t:1"
    assert loaded.namespaces == ["a", "b"]
    assert loaded.trainer_env == {"X": "1"}
    assert loaded.pod_name == "regsweep-0"


@pytest.mark.parametrize("name", ["namespaces", "trainer_env", "log_level", "gpu_resource", "http_port"])
def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(variable_of(name), "")
    assert getattr(load_settings(), name) == Settings.model_fields[name].get_default(call_default_factory=True)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("REGSWEEP_HTTP_PORT", "99999", ".*65535.*'99999'", id="a port above 65535"),
        pytest.param("REGSWEEP_LOG_LEVEL", "loud", ".*'debug', 'info', 'warning' or 'error'", id="an unknown level"),
        pytest.param("REGSWEEP_API_QPS", "nan", ".*finite", id="a rate that is not a number"),
        pytest.param("REGSWEEP_STATUS_INTERVAL_SECONDS", "inf", ".*finite", id="an interval that never ends"),
        pytest.param("REGSWEEP_NAMESPACES", "a,b", "must be JSON", id="a list that is not JSON"),
        pytest.param("REGSWEEP_TRAINER_ENV", "{", "must be JSON", id="an object that is cut off"),
        pytest.param("REGSWEEP_TRAINER_ENV", "[1]", ".*dictionary.*\\[1\\]", id="a list in place of an object"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(RegsweepError, match=f"^Settings of the operator: {variable}: {words}"):
        load_settings()


PROMETHEUS = {"REGSWEEP_PROMETHEUS_URL": "https://p/prefix"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"REGSWEEP_PROMETHEUS_URL": "p:9090"}, "must be an address such as http://"),
        ({"REGSWEEP_PROMETHEUS_URL": "http://"}, "must be an address such as http://"),
        ({"REGSWEEP_PROMETHEUS_URL": "http://p:port"}, "must be an address such as http://"),
        ({"REGSWEEP_PROMETHEUS_URL": "http://[p"}, "must be an address such as http://"),
        ({"REGSWEEP_PROMETHEUS_URL": "https://me:SECRET@p"}, "no user name and no password"),
        ({"REGSWEEP_PROMETHEUS_URL": "https://p/?token=SECRET"}, "no query and no fragment"),
        ({"REGSWEEP_PROMETHEUS_USERNAME_FILE": "/u"}, "REGSWEEP_PROMETHEUS_PASSWORD_FILE is not set"),
        ({"REGSWEEP_PROMETHEUS_PASSWORD_FILE": "/p"}, "REGSWEEP_PROMETHEUS_USERNAME_FILE is not set"),
        ({"REGSWEEP_PROMETHEUS_KEY_FILE": "/k"}, "REGSWEEP_PROMETHEUS_CERTIFICATE_FILE is not set"),
        (
            {f"REGSWEEP_PROMETHEUS_{name}_FILE": "/f" for name in ("TOKEN", "USERNAME", "PASSWORD")},
            "exclude each other",
        ),
        (
            {"REGSWEEP_PROMETHEUS_URL": "http://p", "REGSWEEP_PROMETHEUS_CA_FILE": "/ca"},
            "REGSWEEP_PROMETHEUS_CA_FILE has no effect with http://",
        ),
        ({"REGSWEEP_PROMETHEUS_HEADERS": '{"Authorization": "SECRET"}'}, "Authorization holds a secret"),
        ({"REGSWEEP_PROMETHEUS_HEADERS": '{"cookie": "SECRET"}'}, "cookie holds a secret"),
        ({"REGSWEEP_PROMETHEUS_HEADERS": '{"Host": "p"}'}, "Host is the operator's own"),
        ({"REGSWEEP_PROMETHEUS_HEADERS": '{"A:": "1"}'}, "is no name of a header"),
        ({"REGSWEEP_PROMETHEUS_HEADERS": '{"A": "1\\r\\nB: SECRET"}'}, "the value of A must be printable ASCII"),
        ({"REGSWEEP_PROMETHEUS_PARAMETERS": '{"query": "up"}'}, "query is the operator's own"),
        ({"REGSWEEP_PROMETHEUS_PARAMETERS": '{"a": 1}'}, "REGSWEEP_PROMETHEUS_PARAMETERS"),
    ],
)
def test_what_contradicts_itself_about_prometheus_is_refused_without_showing_secrets(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in (PROMETHEUS | variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RegsweepError, match=re.escape(words)) as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)
    with pytest.raises(RegsweepError, match=re.escape(words)):
        load_prometheus_settings(None)


def test_an_address_of_the_command_line_takes_the_environments_login_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (PROMETHEUS | {"REGSWEEP_PROMETHEUS_TOKEN_FILE": "/token"}).items():
        monkeypatch.setenv(name, value)
    found = load_prometheus_settings("http://other:9090")
    assert (found.prometheus_url, found.prometheus_token_file) == ("http://other:9090", "/token")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"REGSWEEP_HTTP_CERTIFICATE_FILE": "/c"}, "REGSWEEP_HTTP_KEY_FILE belong together"),
        ({"REGSWEEP_HTTP_KEY_FILE": "/k"}, "REGSWEEP_HTTP_KEY_FILE belong together"),
        ({"REGSWEEP_METRICS_TOKEN_FILE": "/t"}, "REGSWEEP_METRICS_TOKEN_FILE needs TLS"),
        ({"REGSWEEP_METRICS_CLIENT_CA_FILE": "/ca"}, "REGSWEEP_METRICS_CLIENT_CA_FILE needs TLS"),
    ],
)
def test_a_login_for_the_metrics_is_not_asked_for_in_clear_text(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RegsweepError, match=words):
        load_settings()


def test_the_times_of_the_lease_must_be_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGSWEEP_LEASE_DURATION_SECONDS", "5")
    with pytest.raises(RegsweepError, match=r"REGSWEEP_LEASE_DURATION_SECONDS > .* must hold, but got 5, 10, 1"):
        load_settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_page_has_every_setting_with_a_sentence_on_it(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith(".")
    assert re.search(rf"^\| `{variable_of(name)}` \| [^|]+ \| `[^|]+` \| [^|]+\. \|$", operator_page(), re.MULTILINE)


def test_a_laptop_and_an_operator_without_settings_have_the_same_limit() -> None:
    values = list(range(1000))
    most = Settings.model_fields["max_combinations"].default
    flags = [{"name": "a", "values": values}, {"name": "b", "values": values[: most // 1000]}]
    assert parse_sweep({"spec": {"flags": flags}})
    with pytest.raises(RegsweepError, match=f"{most:,}"):
        parse_sweep({"spec": {"flags": [*flags, {"name": "c", "values": [1, 2]}]}})
