{{- define "redis.fullname" -}}
{{- $release := .Release.Name -}}
{{- if gt (len $release) 45 -}}
{{- $release = printf "%s-%s" (trunc 36 $release | trimSuffix "-") (sha256sum $release | trunc 8) -}}
{{- end -}}
{{- printf "%s-redis" $release -}}
{{- end -}}

{{/* Immutable: a live StatefulSet keeps the name that it was created with. */}}
{{- define "redis.serviceName" -}}
{{- $live := lookup "apps/v1" "StatefulSet" .Release.Namespace (include "redis.fullname" .) -}}
{{- ($live.spec | default dict).serviceName | default (printf "%s-headless" (include "redis.fullname" .)) -}}
{{- end -}}

{{- define "redis.selectorLabels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: store
{{- end -}}

{{- define "redis.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "redis.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: mooring
{{- include "redis.commonLabels" . }}
{{- end -}}

{{/* Extra labels, starting on a new line. */}}
{{- define "redis.commonLabels" -}}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Pull secrets as objects, also those of the parent chart. */}}
{{- define "redis.imagePullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets }}
- name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end -}}

{{/* Pods with this label may connect. */}}
{{- define "redis.clientLabel" -}}
{{ include "redis.fullname" . }}-client: "true"
{{- end -}}

{{- define "redis.image" -}}
{{- $known := get (dict "redis" (list "library/redis" "8.0") "valkey" (list "valkey/valkey" "8.1")) .Values.engine -}}
{{- $byEngine := dict "repository" (first $known) "tag" (last $known) -}}
{{- include "redis.imageName" (list . (merge (deepCopy .Values.image) $byEngine)) -}}
{{- end -}}

{{- define "redis.exporterImage" -}}
{{- include "redis.imageName" (list . .Values.exporter.image) -}}
{{- end -}}

{{/* The registry of an image. */}}
{{- define "redis.imageName" -}}
{{- $image := last . -}}
{{- with (first .).Values.global.imageRegistry | default $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end -}}

{{- define "redis.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
