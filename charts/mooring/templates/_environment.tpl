{{/*
The secrets of a pod are files: the service reads them again when they change, so that they can be
rotated without a restart. Only the password of the chart's own Redis is part of a variable.
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
{{- if and $external.existingSecret (not .Values.redis.enabled) }}
- secret:
    name: {{ $external.existingSecret }}
    items:
      - { key: {{ $external.existingSecretKey }}, path: redis-url }
      {{- with $external.sentinelPasswordKey }}
      - { key: {{ . }}, path: redis-sentinel-password }
      {{- end }}
{{- else if and $external.url (not .Values.redis.enabled) }}
- secret:
    name: {{ include "mooring.fullname" . }}
    items: [{ key: redis-url, path: redis-url }]
{{- end }}
{{- end -}}

{{- define "mooring.redisEnvironment" -}}
{{- if .Values.redis.enabled -}}
{{- $redis := .Subcharts.redis -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "redis.secretName" $redis }}, key: redis-password }
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "redis.fullname" $redis }}:6379
{{- end -}}
{{- end -}}
