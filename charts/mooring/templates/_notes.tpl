{{- define "mooring.entrypoint" -}}
{{- $exposure := .Values.exposure -}}
{{- $address := printf "%s://%s" (ternary "https" "http" $exposure.tls.enabled) ($exposure.host | default "ADDRESS") -}}
{{- if eq $exposure.mode "none" -}}
only inside the cluster: exposure.mode=none.
{{- else if eq $exposure.mode "gateway" -}}
through the Gateway {{ (first $exposure.gateway.parentRefs).name }}, at {{ $address }}.
{{- else if index .Values "ingress-nginx" "enabled" -}}
{{- $controller := include "ingress-nginx.fullname" (index .Subcharts "ingress-nginx") -}}
through the release's ingress-nginx, at {{ $address }}; find its address with
  kubectl -n {{ .Release.Namespace }} get service {{ $controller }}
{{- else -}}
through the ingress class {{ include "mooring.ingressClass" . | default "(default)" }}, at {{ $address }}.
{{- end -}}
{{- end -}}

{{- define "mooring.warnings" -}}
{{- $exposure := .Values.exposure -}}
{{- $workers := include "mooring.severalWorkers" . -}}
{{- if eq $exposure.mode "ingress-nginx" }}
- ingress-nginx was retired in March 2026. It still works; plan to move to exposure.mode=gateway, or to
  exposure.mode=ingress with Traefik, HAProxy or F5 NGINX: docs/operations/exposure.md.
{{- end }}
{{- if and (eq $exposure.mode "ingress-nginx") (not (index .Values "ingress-nginx" "enabled")) }}
- This ingress-nginx is not the chart's. It reloads whenever any Ingress changes, and closes every
  WebSocket after its worker-shutdown-timeout (240s by default): raise it in its ConfigMap, and run
  `kubectl -n {{ .Release.Namespace }} rollout restart deployment/{{ include "mooring.fullname" . }}` within that time. `mooring check --ingress` tests it.
{{- if not $exposure.host }}
- Without exposure.host this release serves every host of that controller, and clients of a second such
  release reach the pods of the first: set exposure.host.
{{- end }}
{{- end }}
{{- if and (eq $exposure.mode "ingress-nginx") (index .Values "ingress-nginx" "enabled") (eq (index .Values "ingress-nginx" "replicas" | int) 1) }}
- A single controller refuses new connections for a few seconds while it is replaced: set
  ingress-nginx.replicas=2.
{{- end }}
{{- if and $exposure.tls.enabled (index .Values "ingress-nginx" "enabled") (not .Values.tests.url) (not (include "mooring.testedIngress" .)) }}
- helm test cannot reach the ingress from inside the cluster: set tests.url.
{{- end }}
{{- if and (ne $exposure.mode "none") (ne $exposure.mode "gateway") (not $exposure.tls.enabled) }}
- Tokens are sent unencrypted: set exposure.tls.
{{- end }}
{{- if and (ne $exposure.mode "none") (has (toString (.Values.config.PAGE | default "off")) (list "on" "true")) }}
- The test page is visible to everyone who reaches the ingress: set config.PAGE=off.
{{- end }}
{{- if and .Values.config.CORS_ORIGINS (not $exposure.tls.enabled) }}
- Without TLS, pages of other origins get no cookie, so only their WebSockets work: set exposure.tls.
{{- end }}
{{- if and (eq $exposure.mode "ingress") (eq $exposure.ingress.preset "none") }}
- Affinity is not configured: clients that start with polling fail with two or more pods. Set
  exposure.ingress.preset, or your own annotations.
{{- end }}
{{- if and (eq $exposure.mode "ingress") (or (not $exposure.ingress.retry) (has $exposure.ingress.preset (list "none" "f5-nginx" "aws-alb" "azure-agic"))) }}
- The proxy does not retry handshakes that a draining pod refuses, so during a rollout clients see a 503
  and take seconds to reconnect: docs/operations/exposure.md lists the settings.
{{- end }}
{{- if and (eq $exposure.mode "gateway") (not (include "mooring.sessionPersistence" .)) }}
- The affinity of this proxy is a hash, which does not follow a client. A client that starts with polling on a draining pod has to start
  again; with exposure.gateway.channel=experimental it does not, if the Gateway supports that.
{{- end }}
{{- if and (eq $exposure.mode "gateway") (not (has $exposure.gateway.preset (list "envoy-gateway" "kgateway"))) (not (include "mooring.routeRetries" .)) }}
- The proxy does not retry handshakes that a draining pod refuses, so during a rollout clients see a 503
  and take seconds to reconnect: docs/operations/exposure.md lists the settings.
{{- end }}
{{- if and $workers (or (eq $exposure.mode "ingress") (and (eq $exposure.mode "gateway") (eq $exposure.gateway.preset "none"))) }}
- With several workers per pod, the proxy must not share upstream connections between clients.
{{- end }}
{{- if not (include "mooring.hasRedis" .) }}
- Without Redis, sessions and history are lost with the pod.
{{- else if and .Values.redis.enabled (not .Values.redis.persistence.enabled) }}
- Sessions and history are lost with the Redis pod: set redis.persistence.enabled=true.
{{- end }}
{{- if and .Values.redis.enabled .Values.redis.persistence.enabled }}
- Redis is a single pod on one volume. If minutes of downtime are too long, use your own Redis:
  externalRedis.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
- Every pod in the cluster can reach the operations port: set networkPolicy.enabled=true.
{{- end }}
{{- if and .Values.podDeletionCost.enabled (not .Values.podDeletionCost.ownPodOnly) }}
- Each pod may change labels and status of every pod in the namespace: set
  podDeletionCost.ownPodOnly=true.
{{- end }}
{{- if gt (include "mooring.minReadySeconds" . | int) 200 }}
- A rollout takes longer than Helm waits: run `helm upgrade --wait` with a --timeout of {{ include "mooring.minReadySeconds" . | int | add 300 }}s.
{{- end }}
{{- if lt (include "mooring.podsMin" . | int) 2 }}
- With a single pod, every rollout and node drain disconnects all clients at once.
{{- end }}
{{- if and (not .Values.image.digest) (eq (.Values.image.tag | default "") "latest") }}
- image.tag=latest can change at any time: set a version or a digest.
{{- end }}
{{- end -}}
