"""Settings of the operator come from the environment, and a wrong one is named by its variable."""

from __future__ import annotations

import re

import pytest

from regsweep.api.validation import parse_sweep
from regsweep.errors import RegsweepError
from regsweep.operator_reference import operator_page
from regsweep.settings import Settings, load_settings, variable_of


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


def test_the_times_of_the_lease_must_be_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGSWEEP_LEASE_DURATION_SECONDS", "5")
    with pytest.raises(RegsweepError, match=r"REGSWEEP_LEASE_DURATION_SECONDS > .* must hold, but got 5, 10, 2"):
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
