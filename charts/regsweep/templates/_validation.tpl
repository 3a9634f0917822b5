{{/* Refuses values from which a default is missing that the chart rests on. */}}
{{- define "regsweep.require" -}}
{{- range $path := .Files.Get "files/required.yaml" | fromYamlArray }}
{{- $value := $.Values }}
{{- range $key := splitList "." $path }}
{{- $group := ternary $value dict (kindIs "map" $value) }}
{{- $value = ternary (get $group $key) nil (hasKey $group $key) }}
{{- end }}
{{- if kindIs "invalid" $value }}
{{- fail (printf "%s: it has no value. After an upgrade with --reuse-values, which leaves out what is new in the chart: use --reset-then-reuse-values, which keeps what you have set. Where your values have null: leave it out, for the default" $path) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses values that contradict each other, or that would have no effect, with what to set instead. */}}
{{- define "regsweep.validate" -}}
{{- if not .Values.enabled }}
{{- fail "enabled: false is for a parent chart, which leaves this one out where its `condition` names the value; here nothing reads it" }}
{{- end }}
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
{{- with .Values.prometheus }}
{{- $tls := list }}
{{- if or .ca.secretName .ca.configMapName }}{{ $tls = append $tls "prometheus.ca" }}{{ end }}
{{- if .clientCertificateSecret.name }}{{ $tls = append $tls "prometheus.clientCertificateSecret" }}{{ end }}
{{- $logins := list }}
{{- if .tokenSecret.name }}{{ $logins = append $logins "prometheus.tokenSecret" }}{{ end }}
{{- if .serviceAccountToken }}{{ $logins = append $logins "prometheus.serviceAccountToken" }}{{ end }}
{{- if .basicAuthSecret.name }}{{ $logins = append $logins "prometheus.basicAuthSecret" }}{{ end }}
{{- $given := concat $logins $tls }}
{{- range $value := list "headers" "parameters" "enforcedNamespace" }}
{{- if index $.Values.prometheus $value }}{{ $given = append $given (printf "prometheus.%s" $value) }}{{ end }}
{{- end }}
{{- if and $given (not .url) }}
{{- fail (printf "%s: it needs prometheus.url, which is empty" (first $given)) }}
{{- end }}
{{- if gt (len $logins) 1 }}
{{- fail (printf "%s: one login is sent; give one of them" (join ", " $logins)) }}
{{- end }}
{{- if and .ca.secretName .ca.configMapName }}
{{- fail "prometheus.ca: secretName and configMapName exclude each other; give one of them" }}
{{- end }}
{{- if and $tls (hasPrefix "http://" .url) }}
{{- fail (printf "%s: it has no effect with http://; prometheus.url must begin with https://" (first $tls)) }}
{{- end }}
{{- end }}
{{- with .Values.metrics }}
{{- range $value, $given := dict "metrics.tokenSecret" .tokenSecret.name "metrics.clientCertificate" (.clientCertificate.caSecretName | default .clientCertificate.secretName) "metrics.tls.ca" (.tls.ca.secretName | default .tls.ca.configMapName) "metrics.tls.serverName" .tls.serverName }}
{{- if and $given (not $.Values.metrics.tls.secretName) }}
{{- fail (printf "%s: it needs TLS; set metrics.tls.secretName" $value) }}
{{- end }}
{{- end }}
{{- if and .tls.ca.secretName .tls.ca.configMapName }}
{{- fail "metrics.tls.ca: secretName and configMapName exclude each other; give one of them" }}
{{- end }}
{{- if and .clientCertificate.secretName (not .clientCertificate.caSecretName) }}
{{- fail "metrics.clientCertificate: secretName has no effect without caSecretName" }}
{{- end }}
{{- if and .clientCertificate.caSecretName (not .clientCertificate.secretName) (or $.Values.podMonitors.operator.enabled $.Values.serviceMonitor.enabled) }}
{{- fail "metrics.clientCertificate: the monitor needs Prometheus' certificate; set metrics.clientCertificate.secretName" }}
{{- end }}
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
