{{/*
Names leave room for the longest suffix: 63 characters are the limit of Kubernetes. A longer one ends
in a digest, so that two which begin alike stay apart.
*/}}
{{- define "mooring.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- include "mooring.shortened" (.Values.fullnameOverride | default $full) -}}
{{- end -}}

{{- define "mooring.shortened" -}}
{{- if gt (len .) 45 -}}
{{- printf "%s-%s" (trunc 36 . | trimSuffix "-") (sha256sum . | trunc 8) -}}
{{- else -}}
{{- trimSuffix "-" . -}}
{{- end -}}
{{- end -}}

{{/* For cluster-scoped objects: the dot makes the pair of namespace and name unique. */}}
{{- define "mooring.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "mooring.fullname" .) -}}
{{- end -}}

{{/* Never changes: selectors are immutable. */}}
{{- define "mooring.selectorLabels" -}}
app.kubernetes.io/name: mooring
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "mooring.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{ include "mooring.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: mooring
{{- include "mooring.commonLabels" . }}
{{- end -}}

{{/* Extra labels, starting on a new line. */}}
{{- define "mooring.commonLabels" -}}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Pull secrets as objects, also those of a parent chart. */}}
{{- define "mooring.imagePullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets }}
- name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end -}}

{{- define "mooring.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "mooring.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Labels of the pods of `helm test`, which no Service selects. */}}
{{- define "mooring.testSelectorLabels" -}}
app.kubernetes.io/name: mooring
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "mooring.testLabels" -}}
{{ include "mooring.testSelectorLabels" . }}
{{- include "mooring.commonLabels" . }}
{{- end -}}

{{- define "mooring.image" -}}
{{- $image := .Values.image -}}
{{- with .Values.global.imageRegistry | default $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}
