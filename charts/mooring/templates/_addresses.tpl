{{/* The port of a URL, explicit or by its scheme. */}}
{{- define "mooring.urlPort" -}}
{{- $known := dict "http" 80 "https" 443 "redis" 6379 "rediss" 6379 -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (get $known $url.scheme) -}}
{{- end -}}

{{/* Ports of services outside of the release that the service calls. */}}
{{- define "mooring.outsidePorts" -}}
{{- $ports := list -}}
{{- $redis := splitList "," .Values.externalRedis.url -}}
{{- $config := .Values.config -}}
{{- $others := list .Values.auth.jwksUrl $config.ROOM_ACCESS_URL $config.OTEL_EXPORTER_OTLP_ENDPOINT -}}
{{- range concat $redis $others | compact -}}
{{- $ports = append $ports (include "mooring.urlPort" . | int) -}}
{{- end -}}
{{- if or .Values.externalRedis.existingSecret (eq .Values.externalRedis.mode "sentinel") -}}
{{- $ports = append $ports (int .Values.externalRedis.port) -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}
