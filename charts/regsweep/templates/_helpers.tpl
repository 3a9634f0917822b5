{{/* Helm's names are global: each of ours starts with "regsweep.". */}}

{{/* Name of every object: the release's, cut so that a suffix still fits into 63 characters. */}}
{{- define "regsweep.name" -}}
{{- ternary .Release.Name (printf "%s-regsweep" .Release.Name) (contains "regsweep" .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Labels that never change over a release's life: selectors use them. */}}
{{- define "regsweep.selectorLabels" -}}
app.kubernetes.io/name: regsweep
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "regsweep.labels" -}}
{{ include "regsweep.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: regsweep
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "regsweep.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "regsweep.name" .) }}
{{- else }}{{ required "serviceAccount.name: give the name of the account to use, since serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The namespaces whose pods the trainers' PodMonitor finds: those the operator watches. */}}
{{- define "regsweep.namespaceSelector" -}}
{{- with .Values.watchNamespaces }}matchNames: {{ toJson . }}{{ else }}any: true{{ end }}
{{- end }}
