{{/*
The secrets of a pod are files: the service reads them again when they change, so that they can be
rotated without a restart.
*/}}
{{- define "mooring.secretsPath" }}/etc/mooring/secrets{{ end -}}

{{- define "mooring.secretSources" -}}
{{- $auth := include "mooring.authSecretName" . -}}
{{- $optional := list "api-key" "api-keys" -}}
{{- if include "mooring.sharedSecret" . -}}
{{- $optional = prepend $optional "jwt-secret-previous" -}}
- secret:
    name: {{ $auth }}
    items: [{ key: jwt-secret, path: jwt-secret }]
{{ end -}}
- secret:
    name: {{ $auth }}
    optional: true
    items:
      {{- range $optional }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- $external := .Values.externalRedis -}}
{{- if .Values.redis.enabled }}
- secret:
    name: {{ include "redis.secretName" .Subcharts.redis }}
    items: [{ key: redis-password, path: redis-password }]
{{- else if $external.existingSecret }}
- secret:
    name: {{ $external.existingSecret }}
    items:
      - { key: {{ $external.existingSecretKey }}, path: redis-url }
      {{- with $external.sentinelPasswordKey }}
      - { key: {{ . }}, path: redis-sentinel-password }
      {{- end }}
{{- else if $external.url }}
- secret:
    name: {{ include "mooring.fullname" . }}
    items: [{ key: redis-url, path: redis-url }]
{{- end }}
{{- end -}}
