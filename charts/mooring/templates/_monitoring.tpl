{{- define "mooring.monitoringLabels" -}}
{{ include "mooring.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The rule file, whose links go to where the runbooks are published. A link has to be absolute: without an
address the path is a note, under another name.
*/}}
{{- define "mooring.rules" -}}
{{- $link := "runbook_url: docs/operations/runbooks/" -}}
{{- $page := "runbook: docs/operations/runbooks/" -}}
{{- with .Values.monitoring.runbooks }}{{ $page = printf "runbook_url: %s/" . }}{{ end -}}
{{- .Files.Get "rules/mooring.yaml" | replace $link $page -}}
{{- end -}}
