{{- define "mooring.monitoringLabels" -}}
{{ include "mooring.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The rule file, with links to the published runbooks. A link must be absolute: without a URL the path is
an annotation with another name.
*/}}
{{- define "mooring.rules" -}}
{{- $link := "runbook_url: docs/operations/runbooks/" -}}
{{- $page := "runbook: docs/operations/runbooks/" -}}
{{- with .Values.monitoring.runbooks }}{{ $page = printf "runbook_url: %s/" . }}{{ end -}}
{{- .Files.Get "rules/mooring.yaml" | replace $link $page -}}
{{- end -}}
