{{- define "mooring.monitoringLabels" -}}
{{ include "mooring.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A file of monitoring/, whose links go to where the runbooks are published. */}}
{{- define "mooring.monitoringFile" -}}
{{- .root.Files.Get .path | replace "https://mooring.example.com/runbooks" .root.Values.monitoring.runbooks -}}
{{- end -}}
