{{- define "redis.secretName" -}}
{{- .Values.existingSecret | default (include "redis.fullname" .) -}}
{{- end -}}

{{/* The password in base64: from the existing Secret, or generated once per rendering. */}}
{{- define "redis.password" -}}
{{- if not (hasKey .Values "rendered") -}}
  {{- $there := (lookup "v1" "Secret" .Release.Namespace (include "redis.fullname" .)).data | default dict -}}
  {{- $_ := set .Values "rendered" (get $there "redis-password" | default (randAlphaNum 40 | b64enc)) -}}
{{- end -}}
{{- .Values.rendered -}}
{{- end -}}
