{{/* The secret environment variables of a pod. */}}
{{- define "mooring.authEnvironment" -}}
{{- if include "mooring.sharedSecret" . -}}
- name: JWT_SECRET
  valueFrom:
    secretKeyRef: { name: {{ include "mooring.authSecretName" . }}, key: jwt-secret }
{{- end }}
- name: API_KEY
  valueFrom:
    secretKeyRef: { name: {{ include "mooring.authSecretName" . }}, key: api-key, optional: true }
{{- end -}}

{{- define "mooring.redisEnvironment" -}}
{{- if .Values.redis.enabled -}}
{{- $redis := .Subcharts.redis -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "redis.secretName" $redis }}, key: redis-password }
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "redis.fullname" $redis }}:6379
{{- else if .Values.externalRedis.existingSecret -}}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.externalRedis.existingSecret }}
      key: {{ .Values.externalRedis.existingSecretKey }}
{{- with .Values.externalRedis.sentinelPasswordKey }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ $.Values.externalRedis.existingSecret }}, key: {{ . }} }
{{- end }}
{{- else if .Values.externalRedis.url -}}
- name: REDIS_URL
  valueFrom:
    secretKeyRef: { name: {{ include "mooring.fullname" . }}, key: redis-url }
{{- end -}}
{{- end -}}
