{{/* The common `spec` of the pods of `helm test`, without the container. */}}
{{- define "mooring.testPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "mooring.imagePullSecrets" . }}
imagePullSecrets: {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{- define "mooring.testContainer" -}}
image: {{ include "mooring.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
resources: {{- toYaml .Values.tests.resources | nindent 2 }}
{{- end -}}

{{- define "mooring.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* How to sign tokens: the secret, and the claims that the service requires. */}}
{{- define "mooring.testEnvironment" -}}
- { name: SECRETS_DIR, value: {{ include "mooring.secretsPath" . }} }
{{- range $name, $value := include "mooring.tokenConfig" . | fromYaml }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}

{{/* The Service of the release's controller. */}}
{{- define "mooring.testedController" -}}
{{- if index .Values "ingress-nginx" "enabled" -}}
{{- include "ingress-nginx.fullname" (index .Subcharts "ingress-nginx") -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate of the release's controller. */}}
{{- define "mooring.testedCertificate" -}}
{{- .Values.exposure.tls.secretName | default (index .Values "ingress-nginx" "defaultCertificate") -}}
{{- end -}}

{{/*
The client URL of the ingress: tests.url, or through the release's controller. TLS that is terminated in
front of the controller cannot be tested from here.
*/}}
{{- define "mooring.testedIngress" -}}
{{- $controller := include "mooring.testedController" . -}}
{{- $tls := .Values.exposure.tls.enabled -}}
{{- if .Values.tests.url -}}
{{- .Values.tests.url -}}
{{- else if and $controller (or (not $tls) (and .Values.exposure.host (include "mooring.testedCertificate" .))) -}}
{{- printf "%s://%s" (ternary "https" "http" $tls) (.Values.exposure.host | default $controller | replace "*" "check") -}}
{{- end -}}
{{- end -}}
