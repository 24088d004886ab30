{{/* Values that contradict one another: each stops the rendering, with the reason and the remedy. */}}
{{- define "ns-debug.check" -}}
{{- $config := .Values.config }}
{{- include "ns-debug.checkRanges" . }}
{{- if and (eq $config.session.defaultProfile "sysadmin") (not .Values.privileged) }}
{{- fail "config.session.defaultProfile: sysadmin promises all rights, which only a privileged agent can give: set privileged to true, or choose another profile" }}
{{- end }}
{{- if eq (int $config.server.port) (int $config.health.port) }}
{{- fail (printf "config.health.port: %d is config.server.port too: change one of the two" (int $config.health.port)) }}
{{- end }}
{{- if regexMatch "^(127\\.|::1$)" $config.health.address }}
{{- fail (printf "config.health.address: kubelet cannot reach %s, and would restart every agent: set it to 0.0.0.0 or ::" $config.health.address) }}
{{- end }}
{{- if gt (int $config.session.maxSessionsPerUser) (int $config.session.maxSessions) }}
{{- fail (printf "config.session.maxSessionsPerUser: %d is more than config.session.maxSessions, %d: lower the one or raise the other" (int $config.session.maxSessionsPerUser) (int $config.session.maxSessions)) }}
{{- end }}
{{- if lt (int $config.server.requestBurst) (int $config.server.requestsPerSecond) }}
{{- fail (printf "config.server.requestBurst: %d is less than config.server.requestsPerSecond, %d, which could never be reached: raise the one or lower the other" (int $config.server.requestBurst) (int $config.server.requestsPerSecond)) }}
{{- end }}
{{- if gt (include "ns-debug.seconds" $config.session.idleTimeout | float64) (include "ns-debug.seconds" $config.session.maxDuration | float64) }}
{{- fail (printf "config.session.idleTimeout: %v is more than config.session.maxDuration, %v, and would never be reached: lower the one or raise the other" $config.session.idleTimeout $config.session.maxDuration) }}
{{- end }}
{{- if ge (include "ns-debug.seconds" $config.server.stopGrace | float64) (float64 .Values.terminationGracePeriodSeconds) }}
{{- fail (printf "terminationGracePeriodSeconds: kubelet kills the agent after %v seconds, before config.server.stopGrace, %v, is over: raise the one or lower the other" .Values.terminationGracePeriodSeconds $config.server.stopGrace) }}
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: with serviceAccount.create false the agent needs one that exists: name it" }}
{{- end }}
{{- if and .Values.userRoles.pluginSubjects (not .Values.userRoles.createPlugin) }}
{{- fail "userRoles.pluginSubjects: without userRoles.createPlugin there is no role to bind them to: set it to true, or remove them" }}
{{- end }}
{{- include "ns-debug.checkAudit" . }}
{{- include "ns-debug.checkTls" . }}
{{- include "ns-debug.checkNetworkPolicy" . }}
{{- end }}

{{/* What the agent takes, as agent/config/field.cc has it; beyond that it would not start. Bounds of
     plain numbers are in values.schema.json. */}}
{{- define "ns-debug.checkRanges" -}}
{{- range $row := list
  (list "server.maxHeaderBytes" "bytes" "4Ki" "1Mi")
  (list "server.maxBodyBytes" "bytes" "4Ki" "4Mi")
  (list "server.requestTimeout" "seconds" "1s" "5m")
  (list "server.idleTimeout" "seconds" "1s" "1h")
  (list "server.stopGrace" "seconds" "0s" "1h")
  (list "runtime.callTimeout" "seconds" "1s" "5m")
  (list "auth.apiServer.callTimeout" "seconds" "1s" "5m")
  (list "auth.tokenTTL" "seconds" "1s" "1h")
  (list "auth.allowedTTL" "seconds" "1s" "1h")
  (list "auth.deniedTTL" "seconds" "1s" "1h")
  (list "session.limits.memory" "bytes" "8Mi" "1024Gi")
  (list "session.limits.cpus" "cpus" "10m" "1000")
  (list "session.maxDuration" "seconds" "1s" "168h")
  (list "session.idleTimeout" "seconds" "1s" "168h")
  (list "session.maxOutputBytes" "bytes" "1Ki" "64Mi")
}}
{{- $key := index $row 0 }}
{{- $measure := printf "ns-debug.%s" (index $row 1) }}
{{- $value := $.Values.config }}
{{- range splitList "." $key }}
{{- $value = index $value . }}
{{- end }}
{{- $size := include $measure $value | float64 }}
{{- if or (lt $size (include $measure (index $row 2) | float64)) (gt $size (include $measure (index $row 3) | float64)) }}
{{- fail (printf "config.%s: %s is not from %s to %s, which is what the agent takes: set it to one that is" $key (include "ns-debug.written" $value) (index $row 2) (index $row 3)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ns-debug.checkAudit" -}}
{{- $path := .Values.config.audit.path }}
{{- $isWritable := eq $path "-" }}
{{- range .Values.extraVolumeMounts }}
{{- if and (hasPrefix (printf "%s/" (trimSuffix "/" (toString .mountPath))) $path) (not .readOnly) }}
{{- $isWritable = true }}
{{- end }}
{{- end }}
{{- if not $isWritable }}
{{- fail (printf "config.audit.path: the agent's root file system is read-only, and %s is in no volume that it may write: add one to extraVolumes and extraVolumeMounts, or set it to -" $path) }}
{{- end }}
{{- end }}

{{- define "ns-debug.checkTls" -}}
{{- $tls := .Values.tls }}
{{- if and (eq $tls.mode "generated") $tls.caCertificate }}
{{- fail "tls.caCertificate: with tls.mode generated Helm makes the authority itself: remove it, or set tls.mode to secret or cert-manager" }}
{{- end }}
{{- if and (ne $tls.mode "cert-manager") $tls.certManager.issuerRef.name }}
{{- fail (printf "tls.certManager.issuerRef.name: nothing is issued with tls.mode %s: remove it, or set tls.mode to cert-manager" $tls.mode) }}
{{- end }}
{{- if and (eq $tls.mode "cert-manager") (not $tls.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef.name: cert-manager needs an issuer to sign the agent's certificate: name it" }}
{{- end }}
{{- if and (eq $tls.mode "secret") (not $tls.secretName) }}
{{- fail "tls.secretName: with tls.mode secret you make the Secret with tls.crt and tls.key: name it" }}
{{- end }}
{{- if and (eq $tls.mode "secret") (or $tls.dnsNames $tls.ipAddresses) }}
{{- fail "tls.dnsNames, tls.ipAddresses: with tls.mode secret the certificate is yours, and has its names already: remove them" }}
{{- end }}
{{- end }}

{{- define "ns-debug.checkNetworkPolicy" -}}
{{- $policy := .Values.networkPolicy }}
{{- $loopback := eq (include "ns-debug.apiOnLoopback" .) "true" }}
{{- if and (not $policy.enabled) (or $policy.apiFrom $policy.healthFrom) }}
{{- fail "networkPolicy.apiFrom, networkPolicy.healthFrom: without networkPolicy.enabled they let everybody in: enable it, or remove them" }}
{{- end }}
{{- if and $policy.apiFrom $loopback }}
{{- fail (printf "networkPolicy.apiFrom: the API listens on %s, where no other pod reaches it: set config.server.address to 0.0.0.0 or ::, or remove it" .Values.config.server.address) }}
{{- end }}
{{- if and $policy.enabled (not $policy.apiFrom) (not $loopback) }}
{{- fail (printf "networkPolicy.apiFrom: the API listens on %s for other pods, and the policy lets none of them in: name them, or set config.server.address to 127.0.0.1" .Values.config.server.address) }}
{{- end }}
{{- end }}
