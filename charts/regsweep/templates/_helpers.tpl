{{/* Helm's names are global: each of ours starts with "regsweep.". */}}

{{/* Name of every object of the release: cut so that a suffix still fits into 63 characters. */}}
{{- define "regsweep.name" -}}
{{- $made := ternary .Release.Name (printf "%s-regsweep" .Release.Name) (contains "regsweep" .Release.Name) }}
{{- /* The name of a Service begins with a letter, that of a release need not. */}}
{{- if regexMatch "^[0-9]" $made }}{{ $made = printf "regsweep-%s" .Release.Name }}{{ end }}
{{- .Values.fullnameOverride | default ($made | replace "." "-" | trunc 50 | trimAll "-") }}
{{- end }}

{{/* Name of objects without a namespace: two releases of one name in two namespaces stay apart. Call it with a list: root, suffix. */}}
{{- define "regsweep.clusterName" -}}
{{- $root := index . 0 }}{{ include "regsweep.name" $root }}{{ index . 1 }}.{{ $root.Release.Namespace }}
{{- end }}

{{/* A version as a label may have it: Flux appends the digest of the chart by a plus sign. */}}
{{- define "regsweep.labelValue" -}}
{{ . | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* A text as the value of a variable: Kubernetes would replace what looks like a reference in it. */}}
{{- define "regsweep.verbatim" -}}
{{- $text := . | default "" }}{{ ternary (replace "$" "$$" $text) $text (regexMatch "[$][$(]" $text) }}
{{- end }}

{{/* Labels that never change over a release's life: selectors use them. */}}
{{- define "regsweep.instanceLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default "regsweep" | quote }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
{{- end }}

{{- define "regsweep.selectorLabels" -}}
{{ include "regsweep.instanceLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of the operator's pods. None changes with the chart's version alone, which would restart them. */}}
{{- define "regsweep.podLabels" -}}
{{ include "regsweep.selectorLabels" . }}
app.kubernetes.io/version: {{ include "regsweep.labelValue" .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: regsweep
{{- with merge dict (.Values.commonLabels | default dict) (.Values.podLabels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "regsweep.labels" -}}
{{ include "regsweep.selectorLabels" . }}
app.kubernetes.io/version: {{ include "regsweep.labelValue" .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: regsweep
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | include "regsweep.labelValue" | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object. Keys: root, name; namespace (none: the object has none), labels, annotations: what it has itself wins. */}}
{{- define "regsweep.metadata" -}}
name: {{ quote .name }}
{{- with .namespace }}
namespace: {{ quote . }}
{{- end }}
labels: {{- merge dict (.labels | default dict) (include "regsweep.labels" .root | fromYaml) | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Reference of an image. Keys: root, image. */}}
{{- define "regsweep.image" -}}
{{- with (.root.Values.global.imageRegistry | default .image.registry) }}{{ . }}/{{ end }}{{ .image.repository }}
{{- with .image.tag | default (ternary (replace "+" "_" .root.Chart.AppVersion) "" (empty .image.digest)) }}:{{ . }}{{ end }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "regsweep.operatorImage" -}}
{{- include "regsweep.image" (dict "root" . "image" .Values.image) }}
{{- end }}

{{- define "regsweep.trainerImage" -}}
{{- include "regsweep.image" (dict "root" . "image" .Values.trainer.image) }}
{{- end }}

{{/* The Secrets for pulling the operator's image, as YAML; empty: none. In `global` other charts may want plain names. */}}
{{- define "regsweep.pullSecrets" -}}
{{- $found := list }}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.imagePullSecrets | default list) }}
{{- $found = append $found (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- with $found }}{{ uniq . | toYaml }}{{ end }}
{{- end }}

{{- define "regsweep.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "regsweep.name" .) }}
{{- else }}{{ required "serviceAccount.name: give the name of the account to use, since serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Sources of the volume with Prometheus' credentials, as YAML; empty: it needs none. */}}
{{- define "regsweep.prometheusSources" -}}
{{- $prometheus := .Values.prometheus }}
{{- with $prometheus.tokenSecret }}{{ if .name }}
- secret: {name: {{ quote .name }}, items: [{key: {{ quote .key }}, path: token}]}
{{- end }}{{ end }}
{{- with $prometheus.basicAuthSecret }}{{ if .name }}
- secret: {name: {{ quote .name }}, items: [{key: {{ quote .usernameKey }}, path: username}, {key: {{ quote .passwordKey }}, path: password}]}
{{- end }}{{ end }}
{{- with $prometheus.ca }}{{ if .secretName }}
- secret: {name: {{ quote .secretName }}, items: [{key: {{ quote .key }}, path: ca}]}
{{- else if .configMapName }}
- configMap: {name: {{ quote .configMapName }}, items: [{key: {{ quote .key }}, path: ca}]}
{{- end }}{{ end }}
{{- with $prometheus.clientCertificateSecret }}{{ if .name }}
- secret: {name: {{ quote .name }}, items: [{key: {{ quote .certificateKey }}, path: certificate}, {key: {{ quote .keyKey }}, path: key}]}
{{- end }}{{ end }}
{{- end }}

{{/* Where each of those files is mounted, by its name. */}}
{{- define "regsweep.prometheusFiles" -}}
{{- range $source := include "regsweep.prometheusSources" . | fromYamlArray }}
{{- range $item := (get $source "secret" | default (get $source "configMap")).items }}
{{ $item.path }}: /etc/regsweep/prometheus/{{ $item.path }}
{{- end }}
{{- end }}
{{- if .Values.prometheus.serviceAccountToken }}
token: /var/run/secrets/kubernetes.io/serviceaccount/token
{{- end }}
{{- end }}

{{/* Sources of the volume with what /metrics is served by, as YAML; empty: plain HTTP. */}}
{{- define "regsweep.metricsSources" -}}
{{- with .Values.metrics.tls }}{{ if .secretName }}
- secret: {name: {{ quote .secretName }}, items: [{key: {{ quote .certificateKey }}, path: certificate}, {key: {{ quote .keyKey }}, path: key}]}
{{- end }}{{ end }}
{{- with .Values.metrics.clientCertificate }}{{ if .caSecretName }}
- secret: {name: {{ quote .caSecretName }}, items: [{key: {{ quote .caKey }}, path: client-ca}]}
{{- end }}{{ end }}
{{- with .Values.metrics.tokenSecret }}{{ if .name }}
- secret: {name: {{ quote .name }}, items: [{key: {{ quote .key }}, path: token}]}
{{- end }}{{ end }}
{{- end }}

{{/* How a monitor reaches the operator's /metrics: scheme, TLS and login, as YAML; empty: plain HTTP. */}}
{{- define "regsweep.scrapeLogin" -}}
{{- with .Values.metrics }}
{{- if .tls.secretName }}
scheme: https
tlsConfig:
  serverName: {{ quote (.tls.serverName | default (printf "%s-metrics.%s.svc" (include "regsweep.name" $) $.Release.Namespace)) }}
  {{- if .tls.ca.secretName }}
  ca: {secret: {name: {{ quote .tls.ca.secretName }}, key: {{ quote .tls.ca.key }}}}
  {{- else if .tls.ca.configMapName }}
  ca: {configMap: {name: {{ quote .tls.ca.configMapName }}, key: {{ quote .tls.ca.key }}}}
  {{- end }}
  {{- with .clientCertificate }}{{ if .secretName }}
  cert: {secret: {name: {{ quote .secretName }}, key: {{ quote .certificateKey }}}}
  keySecret: {name: {{ quote .secretName }}, key: {{ quote .keyKey }}}
  {{- end }}{{ end }}
{{- end }}
{{- with .tokenSecret }}{{ if .name }}
authorization:
  credentials: {name: {{ quote .name }}, key: {{ quote .key }}}
{{- end }}{{ end }}
{{- end }}
{{- end }}

{{- define "regsweep.leaseName" -}}
{{ include "regsweep.name" . }}-operator
{{- end }}

{{/* The namespaces whose pods the trainers' PodMonitor finds: those the operator watches. */}}
{{- define "regsweep.namespaceSelector" -}}
{{- with .Values.watchNamespaces }}matchNames: {{ toJson . }}{{ else }}any: true{{ end }}
{{- end }}

{{/* The pod template that the operator lays under every training pod, as JSON. A security context replaces the operator's own. */}}
{{- define "regsweep.trainerTemplate" -}}
{{- $trainer := .Values.trainer }}
{{- $container := dict "name" "trainer" "securityContext" nil }}
{{- if not (kindIs "invalid" $trainer.securityContext) }}
{{- $_ := set $container "securityContext" (merge (dict "$patch" "replace") $trainer.securityContext) }}
{{- end }}
{{- $spec := dict "containers" (list $container) "securityContext" nil }}
{{- if not (kindIs "invalid" $trainer.podSecurityContext) }}
{{- $_ := set $spec "securityContext" (merge (dict "$patch" "replace") $trainer.podSecurityContext) }}
{{- end }}
{{- range $field := list "imagePullSecrets" "priorityClassName" "nodeSelector" "tolerations" }}
{{- with index $trainer $field }}{{ $_ := set $spec $field . }}{{ end }}
{{- end }}
{{- $metadata := dict }}
{{- with $trainer.podLabels }}{{ $_ := set $metadata "labels" . }}{{ end }}
{{- with $trainer.podAnnotations }}{{ $_ := set $metadata "annotations" . }}{{ end }}
{{- $template := dict "spec" $spec }}
{{- with $metadata }}{{ $_ := set $template "metadata" . }}{{ end }}
{{- toJson $template }}
{{- end }}
