{{- define "redis.megabytes" -}}
{{- $number := regexFind "^[0-9]+" .Values.memory | int -}}
{{- ternary (mul $number 1024) $number (hasSuffix "Gi" .Values.memory) -}}
{{- end -}}

{{- define "redis.config" -}}
{{- $megabytes := include "redis.megabytes" . | int -}}
# Without passwords: start.sh reads them from the Secret.
include /run/redis/user.conf
dir /data
{{- if .Values.persistence.enabled }}
appendonly yes
{{- end }}
save ""
# When memory is full, writes fail visibly instead of sessions being evicted.
maxmemory {{ div (mul $megabytes 6) 10 }}mb
maxmemory-policy noeviction
# Disconnects replicas that read too slowly, before their buffers fill the memory.
client-output-buffer-limit pubsub {{ div $megabytes 8 }}mb {{ div $megabytes 16 }}mb 60
tcp-keepalive 60
{{- with .Values.extraConfig }}
{{ . }}
{{- end }}
{{- end -}}

{{/* `memory` and `cpu`, with the overrides of `resources`. */}}
{{- define "redis.resources" -}}
{{- $asked := dict "cpu" .Values.cpu "memory" .Values.memory -}}
{{- $own := dict "requests" $asked "limits" (dict "memory" .Values.memory) -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.resources)) -}}
{{- end -}}
