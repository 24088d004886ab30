{{- define "ns-debug.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains "ns-debug" .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-ns-debug" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What never changes: a selector cannot be updated, and kubectl's plugin finds the agents by their
     name. */}}
{{- define "ns-debug.selectorLabels" -}}
app.kubernetes.io/name: ns-debug
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* For objects that no selector may find. */}}
{{- define "ns-debug.otherLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ns-debug
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ns-debug.labels" -}}
{{ include "ns-debug.selectorLabels" . }}
{{ include "ns-debug.otherLabels" . }}
{{- end }}

{{- define "ns-debug.serviceAccountName" -}}
{{- default (include "ns-debug.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "ns-debug.tlsSecretName" -}}
{{- default (printf "%s-tls" (include "ns-debug.fullname" .)) .Values.tls.secretName }}
{{- end }}

{{- define "ns-debug.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{/* "true" when the API can be reached from inside of the pod only, which a port-forward is. */}}
{{- define "ns-debug.apiOnLoopback" -}}
{{- regexMatch "^(127\\.|::1$)" .Values.config.server.address }}
{{- end }}

{{/* "true" when the runtime's socket has no directory of its own: with /run an agent would get the
     sockets of everything on the node. */}}
{{- define "ns-debug.runtimeIsSocket" -}}
{{- regexMatch "^/([^/]+|var/run)$" (dir .Values.runtime.socket) }}
{{- end }}

{{/* A value as it was written. Helm reads numbers as floating point, and 1000000 would become 1e+06.
     */}}
{{- define "ns-debug.written" -}}
{{- kindIs "float64" . | ternary (int64 .) . }}
{{- end }}

{{/* A duration of the configuration in seconds: 1h30m, 250ms, or a bare number. */}}
{{- define "ns-debug.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "" 1 }}
{{- $sum := 0.0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h)?" (include "ns-debug.written" .) -1 }}
{{- $number := regexFind "^[0-9]+" . }}
{{- $sum = addf $sum (mulf (float64 $number) (get $units (trimPrefix $number .))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* A size of the configuration in bytes: 4Ki, 512Mi, or a bare number. */}}
{{- define "ns-debug.bytes" -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "" 1 }}
{{- $written := include "ns-debug.written" . }}
{{- $number := regexFind "^[0-9]+" $written }}
{{- mulf (float64 $number) (get $units (trimPrefix $number $written)) }}
{{- end }}

{{/* A number of CPUs of the configuration: 500m, 0.5, 2. */}}
{{- define "ns-debug.cpus" -}}
{{- $written := include "ns-debug.written" . }}
{{- mulf (float64 (trimSuffix "m" $written)) (hasSuffix "m" $written | ternary 0.001 1.0) }}
{{- end }}

{{/* Values as YAML. Not toYaml: Helm reads numbers as floating point, and 8388608 would become
     8.388608e+06, which the agent refuses. */}}
{{- define "ns-debug.yaml" -}}
{{- range $key, $value := . }}
{{ $key }}:
{{- if kindIs "map" $value }}
{{- include "ns-debug.yaml" $value | trim | nindent 2 }}
{{- else if kindIs "float64" $value }} {{ int64 $value }}
{{- else }} {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* The agent's configuration: the values, and what only the chart knows. */}}
{{- define "ns-debug.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $_ := set $config.server "certificateFile" "/etc/ns-debug/tls/tls.crt" }}
{{- $_ := set $config.server "keyFile" "/etc/ns-debug/tls/tls.key" }}
{{- $_ := set $config.runtime "endpoint" (printf "unix:///run/runtime/%s" (base .Values.runtime.socket)) }}
{{- include "ns-debug.yaml" $config | trim }}
{{- end }}
