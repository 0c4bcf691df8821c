{{/* Whether a shared secret verifies tokens. */}}
{{- define "mooring.sharedSecret" -}}
{{- if not (or .Values.auth.publicKey .Values.auth.jwksUrl) }}yes{{ end -}}
{{- end -}}

{{- define "mooring.authSecretName" -}}
{{- .Values.auth.existingSecret | default (include "mooring.fullname" .) -}}
{{- end -}}

{{/*
The data of the release's Secret. Values of the first install are read back from the cluster; values
generated now are kept for the rest of this rendering, so that the checksum on the pods matches.
*/}}
{{- define "mooring.secretData" -}}
{{- if not (hasKey .Values "rendered") -}}
  {{- $there := (lookup "v1" "Secret" .Release.Namespace (include "mooring.fullname" .)).data | default dict -}}
  {{- $data := dict -}}
  {{- if not .Values.auth.existingSecret -}}
    {{- $keys := ternary (list "jwt-secret" "api-key") (list "api-key") (eq (include "mooring.sharedSecret" .) "yes") -}}
    {{- range $key := $keys -}}
      {{- $_ := set $data $key (get $there $key | default (randAlphaNum 48 | b64enc)) -}}
    {{- end -}}
  {{- end -}}
  {{- with .Values.externalRedis.url -}}
    {{- $_ := set $data "redis-url" (b64enc .) -}}
  {{- end -}}
  {{- $_ := set .Values "rendered" $data -}}
{{- end -}}
{{- with .Values.rendered }}{{ toYaml . }}{{ end -}}
{{- end -}}
