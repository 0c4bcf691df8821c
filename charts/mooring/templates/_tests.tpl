{{/* What the pods of `helm test` have in common; `spec` of it, without the container. */}}
{{- define "mooring.testPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "mooring.podSecurityContext" . | nindent 2 }}
{{- end -}}

{{- define "mooring.testContainer" -}}
image: {{ include "mooring.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "mooring.securityContext" . | nindent 2 }}
resources:
  requests: { cpu: 50m, memory: 96Mi }
  limits: { memory: 256Mi }
{{- end -}}

{{- define "mooring.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* What tokens are made of: a secret, and what the service asks of them. */}}
{{- define "mooring.testEnvironment" -}}
- name: JWT_SECRET
  valueFrom:
    secretKeyRef: { name: {{ include "mooring.authSecretName" . }}, key: jwt-secret }
{{- range $name, $value := include "mooring.tokenConfig" . | fromYaml }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}
