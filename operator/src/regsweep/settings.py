"""Settings of the operator: environment variables `REGSWEEP_<NAME>`, each with its unit, its default and what absence means."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PrometheusLabel = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """What an installation decides once, for all sweeps. Lists and maps are written as JSON."""

    model_config = SettingsConfigDict(
        env_prefix="REGSWEEP_", frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

    # Training
    trainer_image: str = ""
    """Image of sweeps that name none. Empty: every sweep must name its own."""
    trainer_env: dict[str, str] = Field(default_factory=dict)
    """Environment of every training container; the variables of the training contract win over it."""
    gpu_resource: Annotated[str, StringConstraints(min_length=1)] = "nvidia.com/gpu"
    """Extended resource that `spec.trainer.gpus` counts."""
    max_combinations: Annotated[int, Field(ge=1)] = 10_000
    """Combinations that a grid may have; a larger one is not accepted."""

    # Prometheus
    prometheus_url: str = ""
    """Address of the Prometheus that scrapes the trainers. Empty: results come from the pods' own records."""
    prometheus_namespace_label: PrometheusLabel = "namespace"
    """Label of the trainers' series that holds the pod's namespace."""
    prometheus_pod_label: PrometheusLabel = "pod"
    """Label of the trainers' series that holds the pod's name."""
    prometheus_timeout_seconds: Seconds = 10.0
    """How long an answer is waited for. It holds up no training pod."""
    prometheus_token_file: str = ""
    """File with a bearer token for Prometheus, read for each question. Empty: none is sent."""
    collect_interval_seconds: Annotated[float, Field(ge=0)] = 1.0
    """Shortest time between two questions about a sweep while values of ended pods are awaited."""
    live_interval_seconds: Seconds = 5.0
    """Shortest time between two questions about a sweep while pods train."""

    # Which sweeps
    namespaces: list[str] = Field(default_factory=list)
    """Namespaces whose sweeps are run. Empty: all."""

    # The API server
    kube_context: str = ""
    """Context of the user's kubeconfig; outside a cluster only. Empty: the pod's account, else the current context."""
    api_qps: Seconds = 50.0
    """Requests per second to the API server on average; watches and the lease are not counted."""
    api_burst: Annotated[int, Field(ge=1)] = 100
    """Requests that may go out at once after a quiet time."""
    api_timeout_seconds: Seconds = 30.0
    """How long an answer of the API server is waited for."""

    # Reconciling
    workers: Annotated[int, Field(ge=1, le=100)] = 4
    """Sweeps that are reconciled at the same time. One sweep is never reconciled twice at a time."""
    status_interval_seconds: Annotated[float, Field(ge=0)] = 5.0
    """Shortest time between two status writes of a sweep; its end and accepted changes are written at once."""
    store_interval_seconds: Annotated[float, Field(ge=0)] = 5.0
    """How long records wait for others to be stored with them; the last ones are stored at once. Until then the pods hold them."""
    resync_seconds: Seconds = 300.0
    """How often every sweep is looked at without cause, jittered by a half."""
    refusal_retry_seconds: Seconds = 60.0
    """How often a template that the API server refused, or that is not there, is tried again without a change."""

    # Leadership
    lease_name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "regsweep-operator"
    """Name of the Lease that the acting operator holds."""
    lease_namespace: str = ""
    """Its namespace. Empty: that of the operator's pod (POD_NAMESPACE), else `default`."""
    lease_duration_seconds: Seconds = 15.0
    """How long a lease that is not renewed is left to its holder: the longest gap after a crash."""
    lease_renew_deadline_seconds: Seconds = 10.0
    """How long after its last renewal the holder still acts; must be below the duration."""
    lease_retry_seconds: Seconds = 2.0
    """Between two attempts to take it, and after one to renew it that failed. It is renewed at half of its deadline."""
    identity: str = ""
    """Who holds the lease. Empty: the pod's name (a restarted container goes on at once), else host name and a random part."""

    # Serving
    http_host: str = ""
    """Address that /livez, /readyz and /metrics are served on. Empty: all."""
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Their port; 0: any free one."""
    live_after_seconds: Seconds = 120.0
    """/livez fails when a due sweep was left waiting, or the event loop hung, for so long."""

    # Logging
    log_level: Annotated[str, StringConstraints(pattern=r"^(debug|info|warning|error)$")] = "info"
    """debug, info, warning or error."""
    log_format: Annotated[str, StringConstraints(pattern=r"^(text|json)$")] = "text"
    """`text`: one line for people; `json`: one object per line."""

    # From the pod
    pod_name: Annotated[str, Field(validation_alias="POD_NAME")] = ""
    """Name of the operator's pod; empty outside a cluster."""
    pod_namespace: Annotated[str, Field(validation_alias="POD_NAMESPACE")] = ""
    """Namespace of the operator's pod; empty outside a cluster."""

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if not self.lease_duration_seconds > self.lease_renew_deadline_seconds > self.lease_retry_seconds:
            raise ValueError(
                "REGSWEEP_LEASE_DURATION_SECONDS > REGSWEEP_LEASE_RENEW_DEADLINE_SECONDS > REGSWEEP_LEASE_RETRY_SECONDS must hold, "
                f"but got {self.lease_duration_seconds:g}, {self.lease_renew_deadline_seconds:g}, {self.lease_retry_seconds:g}"
            )
        return self
