{{- define "ingress-nginx.fullname" -}}
{{- $release := .Release.Name -}}
{{- if gt (len $release) 45 -}}
{{- $release = printf "%s-%s" (trunc 36 $release | trimSuffix "-") (sha256sum $release | trunc 8) -}}
{{- end -}}
{{- printf "%s-ingress-nginx" $release -}}
{{- end -}}

{{/*
For cluster-scoped objects: two releases may have the same name in two namespaces. Namespaces contain no
dot, so the pair of namespace and name is unique.
*/}}
{{- define "ingress-nginx.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "ingress-nginx.fullname" .) -}}
{{- end -}}

{{- define "ingress-nginx.className" -}}
{{- .Values.className | default (include "ingress-nginx.clusterName" .) -}}
{{- end -}}

{{/* Identifies this controller's IngressClass. */}}
{{- define "ingress-nginx.controllerClass" -}}
{{- printf "k8s.io/%s" (include "ingress-nginx.clusterName" .) -}}
{{- end -}}

{{- define "ingress-nginx.selectorLabels" -}}
app.kubernetes.io/name: ingress-nginx
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "ingress-nginx.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "ingress-nginx.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: mooring
{{- include "ingress-nginx.commonLabels" . }}
{{- end -}}

{{/* Extra labels, starting on a new line. */}}
{{- define "ingress-nginx.commonLabels" -}}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Pull secrets as objects, also those of the parent chart. */}}
{{- define "ingress-nginx.imagePullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets }}
- name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end -}}

{{- define "ingress-nginx.image" -}}
{{- $image := .Values.image -}}
{{- with .Values.global.imageRegistry | default $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end -}}

{{- define "ingress-nginx.config" -}}
{{- $own := dict
  "worker-shutdown-timeout" (printf "%vs" .Values.workerShutdownSeconds)
  "upstream-keepalive-connections" "0"
-}}
{{- toYaml (merge (deepCopy .Values.config) $own) -}}
{{- end -}}
