{{- define "mooring.door" -}}
{{- $exposure := .Values.exposure -}}
{{- $address := printf "%s://%s" (ternary "https" "http" $exposure.tls.enabled) ($exposure.host | default "ADDRESS") -}}
{{- if eq $exposure.mode "none" -}}
nowhere from outside yet: exposure.mode=none.
{{- else if eq $exposure.mode "gateway" -}}
through the Gateway {{ (first $exposure.gateway.parentRefs).name }}, at {{ $address }}.
{{- else if index .Values "ingress-nginx" "enabled" -}}
{{- $controller := include "ingress-nginx.fullname" (index .Subcharts "ingress-nginx") -}}
through the release's ingress-nginx, at {{ $address }}; the address is that of
  kubectl -n {{ .Release.Namespace }} get service {{ $controller }}
{{- else -}}
through the ingress class {{ include "mooring.ingressClass" . | default "(default)" }}, at {{ $address }}.
{{- end -}}
{{- end -}}

{{- define "mooring.warnings" -}}
{{- $exposure := .Values.exposure -}}
{{- $workers := include "mooring.severalWorkers" . -}}
{{- if eq $exposure.mode "ingress-nginx" }}
- ingress-nginx gets no more releases since March 2026. It works; the ways on are exposure.mode=gateway,
  and exposure.mode=ingress with Traefik, HAProxy or F5 NGINX: docs/operations/exposure.md.
{{- end }}
{{- if and (eq $exposure.mode "ingress-nginx") (not (index .Values "ingress-nginx" "enabled")) }}
- This ingress-nginx is not the chart's. Whenever anybody's Ingress changes it reloads, and cuts every
  WebSocket when its worker-shutdown-timeout (240s by default) ends: raise that in its ConfigMap.
{{- if not $exposure.host }}
- Without exposure.host this release answers for every host of that controller. Of two such releases
  the second gets the pods of the first: set exposure.host.
{{- end }}
{{- end }}
{{- if and (eq $exposure.mode "ingress-nginx") (index .Values "ingress-nginx" "enabled") (eq (index .Values "ingress-nginx" "replicas" | int) 1) }}
- One controller: while it is replaced, new connections are refused for some seconds. Set
  ingress-nginx.replicas=2.
{{- end }}
{{- if and $exposure.tls.enabled (index .Values "ingress-nginx" "enabled") (not .Values.tests.url) (not (include "mooring.testedIngress" .)) }}
- helm test cannot reach the way in from inside: give its address in tests.url.
{{- end }}
{{- if and (ne $exposure.mode "none") (ne $exposure.mode "gateway") (not $exposure.tls.enabled) }}
- Tokens travel in the clear: set exposure.tls.
{{- end }}
{{- if and (ne $exposure.mode "none") (has (toString (.Values.config.PAGE | default "off")) (list "on" "true")) }}
- Everybody who reaches the ingress sees the test page: set config.PAGE=off.
{{- end }}
{{- if and .Values.config.CORS_ORIGINS (not $exposure.tls.enabled) }}
- Pages of other origins get no cookie without TLS, so only their WebSockets work: set exposure.tls.
{{- end }}
{{- if and (eq $exposure.mode "ingress") (eq $exposure.ingress.preset "none") }}
- No affinity was set up: without exposure.ingress.preset or annotations of yours, clients that start
  with polling fail as soon as there are two pods.
{{- end }}
{{- if and (eq $exposure.mode "ingress") (or (not $exposure.ingress.retry) (has $exposure.ingress.preset (list "none" "f5-nginx" "aws-alb" "azure-agic"))) }}
- Nobody tries a handshake again that a draining pod refuses, so each rollout shows clients 503 and
  takes them seconds instead of one: docs/operations/exposure.md says what to set.
{{- end }}
{{- if and (eq $exposure.mode "gateway") (not (include "mooring.sessionPersistence" .)) }}
- Affinity is by a cookie that the proxy hashes. A client that begins with polling and meets a draining pod
  has to begin anew; with exposure.gateway.channel=experimental it does not, where the Gateway allows it.
{{- end }}
{{- if and (eq $exposure.mode "gateway") (ne $exposure.gateway.preset "envoy-gateway") }}
- Nobody tries a handshake again that a draining pod refuses, so each rollout shows clients 503 and
  takes them seconds instead of one: docs/operations/exposure.md says what to set.
{{- end }}
{{- if and $workers (or (eq $exposure.mode "ingress") (and (eq $exposure.mode "gateway") (eq $exposure.gateway.preset "none"))) }}
- With several workers in a pod the proxy must not share connections to it between clients.
{{- end }}
{{- if not (include "mooring.hasRedis" .) }}
- Without Redis nothing outlives the one pod.
{{- else if and .Values.redis.enabled (not .Values.redis.persistence.enabled) }}
- Sessions and history end with the Redis pod: set redis.persistence.enabled=true.
{{- end }}
{{- if and .Values.redis.enabled .Values.redis.persistence.enabled }}
- Redis runs once, on one volume. If its minutes of downtime are too many, bring your own:
  externalRedis.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
- Every pod of the cluster reaches the operations port: set networkPolicy.enabled=true.
{{- end }}
{{- if and .Values.podDeletionCost.enabled (not .Values.podDeletionCost.ownPodOnly) }}
- Each pod may change labels and status of every pod of the namespace: set
  podDeletionCost.ownPodOnly=true.
{{- end }}
{{- if gt (include "mooring.minReadySeconds" . | int) 200 }}
- A roll-out takes longer than helm waits: give `helm upgrade --wait` a --timeout of {{ include "mooring.minReadySeconds" . | int | add 300 }}s.
{{- end }}
{{- if lt (include "mooring.podsMin" . | int) 2 }}
- One pod: every roll-out and node drain disconnects everybody at once.
{{- end }}
{{- if and (not .Values.image.digest) (eq (.Values.image.tag | default "") "latest") }}
- image.tag=latest is another image tomorrow: set a version or a digest.
{{- end }}
{{- end -}}
