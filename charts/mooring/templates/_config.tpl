{{/* The non-secret environment: the chart's variables, then values.config. */}}
{{- define "mooring.config" -}}
PORT: "3000"
OPERATIONS_PORT: "3001"
{{- if .Values.redis.enabled }}
REDIS_URL: redis://{{ include "redis.fullname" .Subcharts.redis }}:6379
{{- end }}
{{- if include "mooring.hasRedis" . }}
INSTALLATION: {{ printf "%s/%s" .Release.Namespace (include "mooring.fullname" .) }}
{{- if not .Values.redis.enabled }}
REDIS_PREFIX: {{ .Values.externalRedis.prefix | default (printf "mooring:%s.%s" .Release.Namespace (include "mooring.fullname" .)) }}
{{- end }}
{{- end }}
DRAIN_MS_MAX: {{ .Values.drain.seconds | int | mul 1000 | quote }}
ENDPOINT_DELAY_MS: {{ .Values.drain.settleSeconds | int | mul 1000 | quote }}
SETTLE_MS: {{ .Values.drain.settleSeconds | int | mul 1000 | quote }}
{{- if .Values.podDeletionCost.enabled }}
POD_DELETION_COST: "on"
{{- end }}
{{- with .Values.auth.publicKey }}
JWT_PUBLIC_KEY: {{ . | quote }}
{{- end }}
{{- with .Values.auth.jwksUrl }}
JWT_JWKS_URL: {{ . | quote }}
{{- end }}
{{- with include "mooring.tokenConfig" . }}
{{ . }}
{{- end }}
{{- if ne .Values.externalRedis.mode "single" }}
REDIS_MODE: {{ .Values.externalRedis.mode }}
{{- end }}
{{- if eq .Values.externalRedis.mode "sentinel" }}
REDIS_SENTINEL_NAME: {{ .Values.externalRedis.sentinelName | quote }}
{{- end }}
{{- if .Values.externalRedis.caSecret }}
NODE_EXTRA_CA_CERTS: /etc/mooring/redis-ca/ca.crt
{{- end }}
{{- range $name, $value := .Values.config }}
{{ $name }}: {{ include "mooring.plain" $value | quote }}
{{- end }}
{{- end -}}

{{/* The claims that tokens must have. */}}
{{- define "mooring.tokenConfig" -}}
{{- $asked := dict "JWT_ISSUER" .Values.auth.issuer "JWT_AUDIENCE" .Values.auth.audience -}}
{{- $_ := set $asked "JWT_ALGORITHMS" (join "," .Values.auth.algorithms) -}}
{{- range $name, $value := $asked }}
{{- with $value }}
{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Writes numbers without an exponent; YAML reads a bare on and off as booleans. */}}
{{- define "mooring.plain" -}}
{{- if kindIs "float64" . }}{{ int64 . }}
{{- else if kindIs "bool" . }}{{ ternary "on" "off" . }}
{{- else }}{{ . }}{{ end -}}
{{- end -}}

{{- define "mooring.severalWorkers" -}}
{{- if ne (.Values.config.WORKERS | default 1 | int | toString) "1" }}yes{{ end -}}
{{- end -}}
