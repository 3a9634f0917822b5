{{/*
Variables of the operator that the chart sets, each with the value of the chart that decides it. They are always set: `env` wins
over `envFrom` in Kubernetes, so that no ConfigMap can contradict the chart.
*/}}
{{- define "regsweep.ownedVariables" -}}
POD_NAME: the pod's name
POD_NAMESPACE: the release's namespace
REGSWEEP_GPU_RESOURCE: trainer.gpuResource
REGSWEEP_GPU_RESOURCES: trainer.gpuResources
REGSWEEP_HTTP_CERTIFICATE_FILE: metrics.tls
REGSWEEP_HTTP_HOST: all addresses, for the probes
REGSWEEP_HTTP_KEY_FILE: metrics.tls
REGSWEEP_HTTP_PORT: port
REGSWEEP_IDENTITY: the pod's name, by which one operator leads
REGSWEEP_KUEUE_VERSION: kueue
REGSWEEP_LEASE_NAME: the release's name, which its role names too
REGSWEEP_LEASE_NAMESPACE: the release's namespace, where its role is
REGSWEEP_LOG_FORMAT: logging.format
REGSWEEP_LOG_LEVEL: logging.level
REGSWEEP_MANAGED_BY: managedBy
REGSWEEP_METRICS_CLIENT_CA_FILE: metrics.clientCertificate
REGSWEEP_METRICS_TOKEN_FILE: metrics.tokenSecret
REGSWEEP_NAMESPACES: watchNamespaces
REGSWEEP_PROMETHEUS_CA_FILE: prometheus.ca
REGSWEEP_PROMETHEUS_CERTIFICATE_FILE: prometheus.clientCertificateSecret
REGSWEEP_PROMETHEUS_ENFORCED_NAMESPACE: prometheus.enforcedNamespace
REGSWEEP_PROMETHEUS_HEADERS: prometheus.headers
REGSWEEP_PROMETHEUS_KEY_FILE: prometheus.clientCertificateSecret
REGSWEEP_PROMETHEUS_NAMESPACE_LABEL: prometheus.namespaceLabel
REGSWEEP_PROMETHEUS_PARAMETERS: prometheus.parameters
REGSWEEP_PROMETHEUS_PASSWORD_FILE: prometheus.basicAuthSecret
REGSWEEP_PROMETHEUS_POD_LABEL: prometheus.podLabel
REGSWEEP_PROMETHEUS_TOKEN_FILE: prometheus.tokenSecret
REGSWEEP_PROMETHEUS_URL: prometheus.url
REGSWEEP_PROMETHEUS_USERNAME_FILE: prometheus.basicAuthSecret
REGSWEEP_TRAINER_ENV: trainer.env
REGSWEEP_TRAINER_IMAGE: trainer.image
REGSWEEP_TRAINER_TEMPLATE: trainer (security contexts, labels, scheduling)
{{- end }}

{{- define "regsweep.environment" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: REGSWEEP_IDENTITY
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: REGSWEEP_LEASE_NAME
  value: {{ include "regsweep.leaseName" . | quote }}
- name: REGSWEEP_LEASE_NAMESPACE
  value: {{ quote .Release.Namespace }}
- name: REGSWEEP_MANAGED_BY
  value: {{ quote .Values.managedBy }}
- name: REGSWEEP_NAMESPACES
  value: {{ .Values.watchNamespaces | default list | toJson | quote }}
- name: REGSWEEP_KUEUE_VERSION
  value: {{ ternary .Values.kueue.version "" .Values.kueue.enabled | quote }}
- name: REGSWEEP_HTTP_HOST
  value: ""
- name: REGSWEEP_HTTP_PORT
  value: {{ .Values.port | quote }}
{{- $folder := "/etc/regsweep/metrics" }}
- name: REGSWEEP_HTTP_CERTIFICATE_FILE
  value: {{ ternary (printf "%s/certificate" $folder) "" (not (empty .Values.metrics.tls.secretName)) | quote }}
- name: REGSWEEP_HTTP_KEY_FILE
  value: {{ ternary (printf "%s/key" $folder) "" (not (empty .Values.metrics.tls.secretName)) | quote }}
- name: REGSWEEP_METRICS_CLIENT_CA_FILE
  value: {{ ternary (printf "%s/client-ca" $folder) "" (not (empty .Values.metrics.clientCertificate.caSecretName)) | quote }}
- name: REGSWEEP_METRICS_TOKEN_FILE
  value: {{ ternary (printf "%s/token" $folder) "" (not (empty .Values.metrics.tokenSecret.name)) | quote }}
- name: REGSWEEP_LOG_LEVEL
  value: {{ quote .Values.logging.level }}
- name: REGSWEEP_LOG_FORMAT
  value: {{ quote .Values.logging.format }}
- name: REGSWEEP_PROMETHEUS_URL
  value: {{ include "regsweep.verbatim" .Values.prometheus.url | quote }}
- name: REGSWEEP_PROMETHEUS_NAMESPACE_LABEL
  value: {{ quote .Values.prometheus.namespaceLabel }}
- name: REGSWEEP_PROMETHEUS_POD_LABEL
  value: {{ quote .Values.prometheus.podLabel }}
- name: REGSWEEP_PROMETHEUS_ENFORCED_NAMESPACE
  value: {{ .Values.prometheus.enforcedNamespace | default "" | quote }}
- name: REGSWEEP_PROMETHEUS_HEADERS
  value: {{ .Values.prometheus.headers | default dict | toJson | include "regsweep.verbatim" | quote }}
- name: REGSWEEP_PROMETHEUS_PARAMETERS
  value: {{ .Values.prometheus.parameters | default dict | toJson | include "regsweep.verbatim" | quote }}
{{- $files := include "regsweep.prometheusFiles" . | fromYaml }}
{{- range $file := list "token" "username" "password" "ca" "certificate" "key" }}
- name: REGSWEEP_PROMETHEUS_{{ upper $file }}_FILE
  value: {{ get $files $file | quote }}
{{- end }}
- name: REGSWEEP_GPU_RESOURCE
  value: {{ quote .Values.trainer.gpuResource }}
- name: REGSWEEP_GPU_RESOURCES
  value: {{ with .Values.trainer.gpuResources }}{{ toJson . | quote }}{{ else }}""{{ end }}
- name: REGSWEEP_TRAINER_IMAGE
  value: {{ include "regsweep.trainerImage" . | quote }}
- name: REGSWEEP_TRAINER_ENV
  value: {{ .Values.trainer.env | default dict | toJson | include "regsweep.verbatim" | quote }}
- name: REGSWEEP_TRAINER_TEMPLATE
  value: >-
    {{ include "regsweep.trainerTemplate" . | include "regsweep.verbatim" }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
