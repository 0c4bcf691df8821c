{{/* Pages of another origin need SameSite=None, which browsers accept only over TLS. */}}
{{- define "mooring.sameSite" -}}
{{- ternary "None" "Lax" (and .Values.exposure.tls.enabled (ne (.Values.config.CORS_ORIGINS | default "") "")) -}}
{{- end -}}

{{/*
WebSockets are silent for at most pingInterval + pingTimeout = 45 s, so any longer proxy timeout works.
With an hour, Socket.IO decides when to give up a connection.
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
  "proxy-body-size" (printf "%dk" (add 64 (div (mul 6 (.Values.config.MESSAGE_BYTES_MAX | default 131072 | int64)) 1024)))
-}}
{{- range $name, $value := $values }}
nginx.ingress.kubernetes.io/{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/*
What makes ingress-nginx reload nginx. Its old workers keep their WebSockets and close them all at once
when worker-shutdown-timeout ends. So the pods roll too: the old ones move every client, gradually, to new
pods and thereby to new workers. Scaling is not part of it.
*/}}
{{- define "mooring.nginxConfig" -}}
{{- $exposure := .Values.exposure -}}
{{- if eq $exposure.mode "ingress-nginx" -}}
{{- range $name, $value := merge (deepCopy $exposure.annotations) (include "mooring.nginxAnnotations" . | fromYaml) }}
{{- if hasPrefix "nginx.ingress.kubernetes.io/" $name }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{ include "mooring.hosts" . }}
{{ include "mooring.ingressClass" . }}
{{ list $exposure.path $exposure.tls.enabled $exposure.tls.secretName | toJson }}
{{- if index .Values "ingress-nginx" "enabled" }}
{{ include "ingress-nginx.config" (index .Subcharts "ingress-nginx") }}
{{- end }}
{{- end -}}
{{- end -}}

{{/*
Each retry goes to another pod, and the cookie follows. A POST belongs to a session, which only one pod
has.
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
{{- $none := eq (include "mooring.sameSite" .) "None" }}{{/* also makes it Secure */}}
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
{{- else if eq $exposure.ingress.preset "aws-alb" -}}
{{- $stickiness := printf "stickiness.enabled=true,stickiness.type=lb_cookie,stickiness.lb_cookie.duration_seconds=%d" (min 604800 (int $cookie.maxAgeSeconds)) -}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
alb.ingress.kubernetes.io/healthy-threshold-count: "2"
alb.ingress.kubernetes.io/unhealthy-threshold-count: "2"
alb.ingress.kubernetes.io/target-group-attributes: {{ $stickiness }},deregistration_delay.timeout_seconds={{ include "mooring.drainSeconds" . }}
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=3600
{{- else if eq $exposure.ingress.preset "azure-agic" -}}
appgw.ingress.kubernetes.io/cookie-based-affinity: "true"
appgw.ingress.kubernetes.io/request-timeout: "3600"
appgw.ingress.kubernetes.io/connection-draining: "true"
appgw.ingress.kubernetes.io/connection-draining-timeout: {{ include "mooring.drainSeconds" . | quote }}
appgw.ingress.kubernetes.io/health-probe-path: /readyz
appgw.ingress.kubernetes.io/health-probe-interval: "5"
appgw.ingress.kubernetes.io/health-probe-timeout: "2"
appgw.ingress.kubernetes.io/health-probe-unhealthy-threshold: "2"
{{- end -}}
{{- end -}}

{{/* Annotations of the Service, for controllers that read them there. */}}
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

{{/* Of the route; empty on the standard channel, which does not know the field. */}}
{{- define "mooring.sessionPersistence" -}}
{{- $gateway := .Values.exposure.gateway -}}
{{- if $gateway.sessionPersistence -}}
{{- toYaml $gateway.sessionPersistence -}}
{{- else if eq $gateway.channel "experimental" -}}
sessionName: {{ .Values.exposure.cookie.name }}
type: Cookie
cookieConfig: { lifetimeType: Session }
{{- end -}}
{{- end -}}

{{/* Whether the route itself retries, for implementations without a policy for it. */}}
{{- define "mooring.routeRetries" -}}
{{- $gateway := .Values.exposure.gateway -}}
{{- if and (eq $gateway.channel "experimental") (has $gateway.preset (list "istio" "cilium")) }}yes{{ end -}}
{{- end -}}

{{/* Hosts that clients may use; none: all hosts. */}}
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
