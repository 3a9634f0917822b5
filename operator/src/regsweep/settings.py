"""Settings of the operator: environment variables `REGSWEEP_<NAME>`. docs/operator.md is generated from here.

A field's docstring says what the setting means, in which unit, and what an empty value means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from regsweep.api.constants import (
    ACCELERATORS,
    DEFAULT_MANAGER,
    MANAGER_PATTERN,
    MAX_COMBINATIONS,
    MAX_MANAGER_LENGTH,
    MAX_NAME_LENGTH,
)
from regsweep.errors import RegsweepError

PREFIX: Final = "REGSWEEP_"

SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
OWN_HEADERS: Final = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})
OWN_PARAMETERS: Final = frozenset({"query", "time", "timeout", "start", "end", "step"})

EnforcedNamespace = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$")]
PrometheusLabel = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)]
GpuPattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._*-]+$", max_length=MAX_NAME_LENGTH)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PrometheusSettings(BaseSettings):
    """How Prometheus is asked: by the operator, and by `regsweep view` of a sweep in a cluster."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

    prometheus_url: str = ""
    """Address of the Prometheus that scrapes the trainers, with the path prefix that it may have (of Mimir: `/prometheus`). Empty:
    values come from the pods' own records."""
    prometheus_namespace_label: PrometheusLabel = "namespace"
    """Label of the trainers' series that holds the pod's namespace."""
    prometheus_enforced_namespace: EnforcedNamespace = ""
    """Namespace that Prometheus writes into that label whatever the pod's is (`enforcedNamespaceLabel`): that of the trainers'
    PodMonitor. Empty: the label holds the pod's."""
    prometheus_pod_label: PrometheusLabel = "pod"
    """Label of the trainers' series that holds the pod's name."""
    prometheus_timeout_seconds: Positive = 10.0
    """Time-out of a query, of which half is for the connection. Training pods do not wait for queries."""
    prometheus_token_file: str = ""
    """File with a bearer token for Prometheus. This and the files below are read again when they change. Empty: no token is sent."""
    prometheus_username_file: str = ""
    """File with the user name for basic authentication. Empty: none."""
    prometheus_password_file: str = ""
    """File with its password."""
    prometheus_ca_file: str = ""
    """File with the certificates (PEM) of the authorities that may have signed Prometheus'. Empty: the system's."""
    prometheus_certificate_file: str = ""
    """File with a client certificate (PEM) for Prometheus. Empty: none is shown."""
    prometheus_key_file: str = ""
    """File with its key (PEM, not encrypted)."""
    prometheus_headers: dict[str, str] = Field(default_factory=dict)
    """Headers of each query, such as `{"X-Scope-OrgID": "team-a"}` for a tenant of Mimir. Not for secrets."""
    prometheus_parameters: dict[str, str] = Field(default_factory=dict)
    """Parameters of each query's address, such as `{"partial_response": "false"}` for Thanos. Not for secrets."""

    @model_validator(mode="after")
    def _check_prometheus(self) -> Self:
        # Here rather than with the fields, whose values an error would show: an address may hold a password.
        for problem in (*_url_problems(self.prometheus_url), *self._login_problems(), *self._extra_problems()):
            raise ValueError(problem)
        return self

    def _login_problems(self) -> Iterator[str]:
        pairs = (
            ("prometheus_username_file", "prometheus_password_file"),
            ("prometheus_certificate_file", "prometheus_key_file"),
        )
        for pair in pairs:
            missing = [name for name in pair if not getattr(self, name)]
            if len(missing) == 1:
                both = " and ".join(map(variable_of, pair))
                yield f"{both} belong together, but {variable_of(missing[0])} is not set"
        if self.prometheus_token_file and self.prometheus_username_file:
            yield "REGSWEEP_PROMETHEUS_TOKEN_FILE and REGSWEEP_PROMETHEUS_USERNAME_FILE exclude each other: one login is sent"
        for name in ("prometheus_ca_file", "prometheus_certificate_file"):
            if getattr(self, name) and self.prometheus_url.lower().startswith("http://"):
                yield f"{variable_of(name)} has no effect with http://: REGSWEEP_PROMETHEUS_URL must begin with https://"

    def _extra_problems(self) -> Iterator[str]:
        for name, value in self.prometheus_headers.items():
            if name.lower() in SECRET_HEADERS:
                yield f"REGSWEEP_PROMETHEUS_HEADERS: {name} holds a secret, which belongs into a file: set REGSWEEP_PROMETHEUS_TOKEN_FILE"
            if name.lower() in OWN_HEADERS:
                yield f"REGSWEEP_PROMETHEUS_HEADERS: {name} is the operator's own"
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                yield f"REGSWEEP_PROMETHEUS_HEADERS: {name!r} is no name of a header"
            if not (value.isascii() and value.isprintable()):
                yield f"REGSWEEP_PROMETHEUS_HEADERS: the value of {name} must be printable ASCII"
        for name in self.prometheus_parameters.keys() & OWN_PARAMETERS:
            yield f"REGSWEEP_PROMETHEUS_PARAMETERS: {name} is the operator's own"


class Settings(PrometheusSettings):
    """What an installation decides once, for all sweeps. Lists and objects are written as JSON."""

    # Training
    trainer_image: str = ""
    """Image of sweeps that name none. Empty: every sweep must name its own."""
    trainer_env: dict[str, str] = Field(default_factory=dict)
    """Environment of every training container. Variables of the training contract take precedence."""
    trainer_template: dict[str, JsonValue] = Field(default_factory=dict)
    """Pod template (`metadata`, `spec`) laid over the operator's defaults for every training pod, and under the templates of
    the sweep; `null` removes a field. For example `{"spec": {"securityContext": null}}` leaves the user to the platform."""
    gpu_resource: Annotated[str, StringConstraints(min_length=1)] = "nvidia.com/gpu"
    """Extended resource that `spec.trainer.gpus` counts where a sweep names none (`spec.trainer.gpuResource`)."""
    gpu_resources: list[GpuPattern] = Field(default_factory=lambda: list(ACCELERATORS))
    """Extended resources that are accelerators, beside the one that is counted; `*` stands for any letters. A template that asks
    for one of them gets no other one added, and a sweep on CPUs none of them."""
    max_combinations: Annotated[int, Field(ge=1)] = MAX_COMBINATIONS
    """Maximum number of combinations that one sweep trains, after `exclude` and `sample`. A larger sweep is not accepted."""

    # Prometheus
    collect_interval_seconds: NotNegative = 1.0
    """Minimum time between two queries about a sweep while values of ended pods are awaited."""
    live_interval_seconds: Positive = 5.0
    """Minimum time between two queries about a sweep while its pods train."""

    # Kueue
    kueue_version: Literal["", "v1beta1", "v1beta2"] = ""
    """Version of Kueue's API in which the Workloads of queued Jobs are read, and deactivated for `spec.suspend`. Empty: Kueue's objects
    are left alone."""

    # Which sweeps
    managed_by: Annotated[str, StringConstraints(pattern=MANAGER_PATTERN, max_length=MAX_MANAGER_LENGTH)] = (
        DEFAULT_MANAGER
    )
    """Name of this operator: it runs the sweeps whose `spec.managedBy` has it; those without one are `regsweep.dev/operator`'s."""
    namespaces: list[str] = Field(default_factory=list)
    """Namespaces whose sweeps are run. Empty: all."""

    # The API server
    kube_context: str = ""
    """Context of the kubeconfig; outside a cluster only. Empty: the pod's service account, else the current context."""
    api_qps: Positive = 50.0
    """Average number of requests to the API server per second; watches and the lease are not counted."""
    api_burst: Annotated[int, Field(ge=1)] = 100
    """Maximum number of requests at once after a quiet time."""
    api_timeout_seconds: Positive = 30.0
    """Time-out of a request to the API server."""

    # Reconciling
    workers: Annotated[int, Field(ge=1, le=100)] = 16
    """Number of sweeps that are reconciled at the same time. One sweep is never reconciled twice at a time."""
    status_interval_seconds: NotNegative = 5.0
    """Minimum time between two status writes of a sweep, longer (up to 30 s) while writing takes long; its end and accepted changes are
    written at once."""
    store_interval_seconds: NotNegative = 5.0
    """Time that records wait to be stored together, longer (up to 30 s) while writing takes long; the last ones are stored at once. Until
    then the pods hold them."""
    resync_seconds: Positive = 300.0
    """Interval at which sweeps are listed again, and those that are not over reconciled without a change, in case news of them were lost;
    jittered by a quarter."""
    relist_seconds: Positive = 3600.0
    """Longest time until Jobs and pods are listed again, in case the API server has dropped news of them; jittered by a quarter. Listing
    10,000 of each takes 2 to 3 s of a CPU."""
    refusal_retry_seconds: Positive = 60.0
    """Interval at which a template that the API server rejected, or that does not exist, is tried again without a change."""

    # Leadership
    lease_name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "regsweep-operator"
    """Name of the Lease that the active operator holds."""
    lease_namespace: str = ""
    """Namespace of the Lease. Empty: that of the operator's pod (POD_NAMESPACE), else `default`."""
    lease_duration_seconds: Positive = 15.0
    """Time after which another operator may take a Lease that is not renewed: the longest gap after a crash."""
    lease_renew_deadline_seconds: Positive = 10.0
    """Time after its last renewal during which the holder still acts; must be below the duration. The Lease is renewed at half of it."""
    lease_retry_seconds: Positive = 1.0
    """Time between two attempts to take the Lease, and after a failed renewal: the longest gap when the holder is stopped in good order."""
    identity: str = ""
    """Identity of the holder. Empty: the pod's name (a restarted container continues at once), else host name and a random part."""

    # Serving
    http_host: str = ""
    """Address on which /livez, /readyz and /metrics are served. Empty: all addresses."""
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Port on which they are served; 0: any free port."""
    http_certificate_file: str = ""
    """File with a certificate (PEM) by which they are served over TLS. This and the files below are read again when they change.
    Empty: plain HTTP."""
    http_key_file: str = ""
    """File with its key (PEM, not encrypted)."""
    metrics_client_ca_file: str = ""
    """File with authorities (PEM): /metrics then wants a client certificate that one of them has signed. Empty: it wants none."""
    metrics_token_file: str = ""
    """File with the bearer token that /metrics then wants. Empty: it wants none. /livez and /readyz never want a login."""
    live_after_seconds: Positive = 120.0
    """Time after which /livez fails while a due sweep waits or the event loop hangs."""

    # Logging
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""
    log_format: Literal["text", "json"] = "text"
    """`text`: one line for people; `json`: one object per line."""

    # From the pod
    pod_name: Annotated[str, Field(validation_alias="POD_NAME")] = ""
    """Name of the operator's pod; empty outside a cluster."""
    pod_namespace: Annotated[str, Field(validation_alias="POD_NAMESPACE")] = ""
    """Namespace of the operator's pod; empty outside a cluster."""

    @model_validator(mode="after")
    def _check_serving(self) -> Self:
        certificate, key = variable_of("http_certificate_file"), variable_of("http_key_file")
        if bool(self.http_certificate_file) != bool(self.http_key_file):
            raise ValueError(f"{certificate} and {key} belong together, but one of them is not set")
        for name in ("metrics_client_ca_file", "metrics_token_file"):
            if getattr(self, name) and not self.http_certificate_file:
                raise ValueError(f"{variable_of(name)} needs TLS: set {certificate} and {key}")
        return self

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        names = ("lease_duration_seconds", "lease_renew_deadline_seconds", "lease_retry_seconds")
        duration, deadline, retry = (getattr(self, name) for name in names)
        if not duration > deadline > retry:
            order = " > ".join(map(variable_of, names))
            raise ValueError(f"{order} must hold, but got {duration:g}, {deadline:g}, {retry:g}")
        return self


def load_settings() -> Settings:
    """The settings that the environment gives.

    Raises RegsweepError, which names each wrong variable.
    """
    return _loaded(Settings, "Settings of the operator")


def load_prometheus_settings(url: str | None) -> PrometheusSettings:
    """How Prometheus is asked, as the environment says. url: in place of the environment's.

    Raises RegsweepError, which names each wrong variable.
    """

    def load() -> PrometheusSettings:
        return PrometheusSettings() if url is None else PrometheusSettings(prometheus_url=url)

    return _loaded(load, "Settings for Prometheus")


_Loaded = TypeVar("_Loaded")


def _loaded(load: Callable[[], _Loaded], title: str) -> _Loaded:
    try:
        return load()
    except SettingsError as error:
        # Its text names the field; the cause has the position in the JSON.
        named = [variable_of(name) for name in Settings.model_fields if f'"{name}"' in str(error)]
        text = f"{', '.join(named) or error}: must be JSON ({error.__cause__})"
        raise RegsweepError(f"{title}: {text}") from error
    except ValidationError as error:
        raise RegsweepError(f"{title}: {_problems(error)}") from error


def _url_problems(url: str) -> Iterator[str]:
    """What is wrong with the address; it is not shown, since it may hold a password."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        yield "REGSWEEP_PROMETHEUS_URL must be an address such as http://prometheus.monitoring:9090"
    elif parts.username is not None or parts.password is not None:
        yield (
            "REGSWEEP_PROMETHEUS_URL must hold no user name and no password: set REGSWEEP_PROMETHEUS_USERNAME_FILE and "
            "REGSWEEP_PROMETHEUS_PASSWORD_FILE"
        )
    elif parts.query or parts.fragment:
        yield "REGSWEEP_PROMETHEUS_URL must have no query and no fragment: set REGSWEEP_PROMETHEUS_PARAMETERS"


def _problems(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        variable = variable_of(name) if name in Settings.model_fields else name
        problems.append(f"{variable}: {problem['msg']}, got {problem['input']!r}" if name else problem["msg"])
    return "; ".join(problems)


def variable_of(name: str) -> str:
    """The environment variable of the setting with this name."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else f"{PREFIX}{name.upper()}"
