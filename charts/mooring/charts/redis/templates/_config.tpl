{{- define "redis.megabytes" -}}
{{- $number := regexFind "^[0-9]+" .Values.memory | int -}}
{{- ternary (mul $number 1024) $number (hasSuffix "Gi" .Values.memory) -}}
{{- end -}}

{{- define "redis.config" -}}
{{- $megabytes := include "redis.megabytes" . | int -}}
# The password is not in here: the container reads it from the Secret.
include /run/redis/password.conf
dir /data
{{- if .Values.persistence.enabled }}
appendonly yes
{{- end }}
save ""
# What does not fit is refused and seen, instead of sessions vanishing.
maxmemory {{ div (mul $megabytes 6) 10 }}mb
maxmemory-policy noeviction
# Replicas of the service that read too slowly are cut before they take the memory of the others.
client-output-buffer-limit pubsub {{ div $megabytes 8 }}mb {{ div $megabytes 16 }}mb 60
tcp-keepalive 60
{{- with .Values.extraConfig }}
{{ . }}
{{- end }}
{{- end -}}

{{/* `memory` and `cpu`, and what `resources` says beside or over them. */}}
{{- define "redis.resources" -}}
{{- $asked := dict "cpu" .Values.cpu "memory" .Values.memory -}}
{{- $own := dict "requests" $asked "limits" (dict "memory" .Values.memory) -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.resources)) -}}
{{- end -}}
