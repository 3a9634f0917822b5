{{/* Refuses values that contradict each other, or that would have no effect, with what to set instead. */}}
{{- define "regsweep.validate" -}}
{{- $owned := include "regsweep.ownedVariables" . | fromYaml }}
{{- $given := keys (.Values.env | default dict) }}
{{- range .Values.extraEnv }}{{ $given = append $given .name }}{{ end }}
{{- range $name := $given }}
{{- if hasKey $owned $name }}
{{- fail (printf "env: %s is set by the chart (from: %s); set that value instead" $name (get $owned $name)) }}
{{- end }}
{{- end }}
{{- if ne (len $given) (len (uniq $given)) }}
{{- fail "extraEnv: a variable is given twice, here or in env; give it once" }}
{{- end }}
{{- $fixed := merge (include "regsweep.selectorLabels" . | fromYaml) (dict "app.kubernetes.io/managed-by" "" "app.kubernetes.io/version" "" "app.kubernetes.io/part-of" "" "helm.sh/chart" "") }}
{{- range $value := list "commonLabels" "podLabels" }}
{{- range $label, $_ := index $.Values $value }}
{{- if hasKey $fixed $label }}
{{- fail (printf "%s: label %s is set by the chart; nameOverride changes app.kubernetes.io/name" $value $label) }}
{{- end }}
{{- if and (eq $value "podLabels") (hasKey ($.Values.commonLabels | default dict) $label) }}
{{- fail (printf "podLabels: label %s is in commonLabels too; give it once" $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.prometheus.tokenSecret.name (not .Values.prometheus.url) }}
{{- fail "prometheus.tokenSecret: a token needs prometheus.url, which is empty" }}
{{- end }}
{{- if and .Values.podMonitors.operator.enabled .Values.serviceMonitor.enabled }}
{{- fail "serviceMonitor: podMonitors.operator scrapes the operator too, and every sample would be there twice; enable one of them" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.metricsService.enabled) }}
{{- fail "serviceMonitor: it needs metricsService.enabled=true; or use podMonitors.operator" }}
{{- end }}
{{- if and .Values.networkPolicy.trainers.enabled (not .Values.watchNamespaces) }}
{{- fail "networkPolicy.trainers: it needs watchNamespaces, since a policy holds in one namespace; for all namespaces see docs/install.md" }}
{{- end }}
{{- end }}
