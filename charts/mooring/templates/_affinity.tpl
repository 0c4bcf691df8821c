{{/* A page of another origin needs SameSite=None, which browsers take only over TLS. */}}
{{- define "mooring.sameSite" -}}
{{- ternary "None" "Lax" (and .Values.exposure.tls.enabled (ne (.Values.config.CORS_ORIGINS | default "") "")) -}}
{{- end -}}

{{/*
WebSockets are silent for pingInterval + pingTimeout = 45 s at most; the proxy only has to wait
longer than that. An hour leaves it to Socket.IO to give a connection up.
*/}}
{{- define "mooring.nginxAnnotations" -}}
{{- $cookie := .Values.exposure.cookie -}}
{{- $values := dict
  "affinity" "cookie"
  "affinity-mode" "persistent"
  "affinity-canary-behavior" "sticky"
  "session-cookie-name" $cookie.name
  "session-cookie-path" "/"
  "session-cookie-max-age" ($cookie.maxAgeSeconds | int | toString)
  "session-cookie-expires" ($cookie.maxAgeSeconds | int | toString)
  "session-cookie-samesite" (include "mooring.sameSite" .)
  "session-cookie-secure" (.Values.exposure.tls.enabled | toString)
  "session-cookie-change-on-failure" "true"
  "proxy-read-timeout" "3600"
  "proxy-send-timeout" "3600"
  "proxy-connect-timeout" "2"
  "proxy-next-upstream" "error timeout http_503"
  "proxy-next-upstream-tries" (include "mooring.tries" .)
  "proxy-next-upstream-timeout" "5"
  "proxy-body-size" (printf "%dk" (add 64 (div (.Values.config.MESSAGE_BYTES_MAX | default 131072 | int64) 1024)))
-}}
{{- range $name, $value := $values }}
nginx.ingress.kubernetes.io/{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/*
Each try goes to another pod, and the cookie follows. A POST belongs to a session, and is of use to one
pod only.
*/}}
{{- define "mooring.haproxyRetries" -}}
option redispatch 1
retries {{ include "mooring.tries" . }}
retry-on conn-failure empty-response 503
http-request disable-l7-retry unless METH_GET
{{- end -}}

{{/* Annotations of the Ingress, by controller. */}}
{{- define "mooring.ingressAnnotations" -}}
{{- $exposure := .Values.exposure -}}
{{- $cookie := $exposure.cookie -}}
{{- $service := include "mooring.fullname" . -}}
{{- if eq $exposure.mode "ingress-nginx" -}}
{{ include "mooring.nginxAnnotations" . | trim }}
{{- else if eq $exposure.ingress.preset "haproxy-ingress" -}}
haproxy-ingress.github.io/affinity: cookie
haproxy-ingress.github.io/session-cookie-name: {{ $cookie.name }}
{{- $none := eq (include "mooring.sameSite" .) "None" }}{{/* which makes it Secure as well */}}
haproxy-ingress.github.io/session-cookie-keywords: insert indirect nocache httponly{{ ternary " secure" "" (and $exposure.tls.enabled (not $none)) }}
haproxy-ingress.github.io/session-cookie-same-site: {{ $none | quote }}
haproxy-ingress.github.io/timeout-tunnel: 1h
{{- if $exposure.ingress.retry }}
haproxy-ingress.github.io/config-backend: | {{- include "mooring.haproxyRetries" . | nindent 2 }}
{{- end }}
{{- else if eq $exposure.ingress.preset "f5-nginx" -}}
{{- $secure := ternary " secure" "" $exposure.tls.enabled -}}
nginx.org/websocket-services: {{ $service }}
nginx.org/sticky-cookie-services: serviceName={{ $service }} {{ $cookie.name }} expires={{ $cookie.maxAgeSeconds | int }}s path=/ httponly{{ $secure }} samesite={{ include "mooring.sameSite" . | lower }}
nginx.org/proxy-read-timeout: 3600s
nginx.org/proxy-send-timeout: 3600s
{{- end -}}
{{- end -}}

{{/* Annotations of the Service, for the controllers that read them there. */}}
{{- define "mooring.serviceAnnotations" -}}
{{- $exposure := .Values.exposure -}}
{{- $cookie := $exposure.cookie -}}
{{- if eq $exposure.ingress.preset "traefik" -}}
traefik.ingress.kubernetes.io/service.sticky.cookie: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.name: {{ $cookie.name }}
traefik.ingress.kubernetes.io/service.sticky.cookie.path: /
traefik.ingress.kubernetes.io/service.sticky.cookie.maxage: {{ $cookie.maxAgeSeconds | int | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.httponly: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.secure: {{ $exposure.tls.enabled | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.samesite: {{ include "mooring.sameSite" . | lower }}
{{- else if eq $exposure.ingress.preset "haproxytech" -}}
haproxy.org/cookie-persistence: {{ $cookie.name }}
haproxy.org/timeout-tunnel: 1h
{{- if $exposure.ingress.retry }}
haproxy.org/backend-config-snippet: | {{- include "mooring.haproxyRetries" . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Those that clients may ask for; none: every host. */}}
{{- define "mooring.hosts" -}}
{{- concat (list .Values.exposure.host) .Values.exposure.extraHosts | compact | uniq | toYaml -}}
{{- end -}}

{{- define "mooring.ingressClass" -}}
{{- if index .Values "ingress-nginx" "enabled" -}}
{{ include "ingress-nginx.className" (index .Subcharts "ingress-nginx") }}
{{- else -}}
{{ .Values.exposure.ingress.className | default (ternary "nginx" "" (eq .Values.exposure.mode "ingress-nginx")) }}
{{- end -}}
{{- end -}}
