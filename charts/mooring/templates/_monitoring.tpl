{{- define "mooring.monitoringLabels" -}}
{{ include "mooring.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The rule file, whose links go to where the runbooks are published. */}}
{{- define "mooring.rules" -}}
{{- $pages := .Values.monitoring.runbooks | default "docs/operations/runbooks" -}}
{{- .Files.Get "rules/mooring.yaml" | replace "runbook_url: docs/operations/runbooks/" (printf "runbook_url: %s/" $pages) -}}
{{- end -}}
