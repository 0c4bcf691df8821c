{{/* One error message for each invalid combination of values; see requirements.yaml. */}}
{{- define "mooring.hasRedis" -}}
{{- if or .Values.redis.enabled .Values.externalRedis.url .Values.externalRedis.existingSecret }}yes{{ end -}}
{{- end -}}

{{- define "mooring.redisProblem" -}}
{{- $external := .Values.externalRedis -}}
{{- $several := or (gt (include "mooring.podsMin" . | int) 1) (include "mooring.autoscaled" .) (include "mooring.severalWorkers" .) -}}
{{- if and .Values.redis.enabled (or $external.url $external.existingSecret) -}}
externalRedis is set while redis.enabled=true: set redis.enabled=false to use your own Redis.
{{- else if and $external.url $external.existingSecret -}}
externalRedis.url and externalRedis.existingSecret are both set: remove one.
{{- else if and $external.caSecret (hasPrefix "redis://" $external.url) -}}
externalRedis.caSecret needs TLS: start externalRedis.url with rediss://.
{{- else if and $external.caSecret .Values.redis.enabled -}}
externalRedis.caSecret is for an external Redis: set redis.enabled=false and externalRedis.url.
{{- else if and (ne $external.mode "single") .Values.redis.enabled -}}
externalRedis.mode={{ $external.mode }} is for an external Redis: set redis.enabled=false and externalRedis.url.
{{- else if and (eq $external.mode "single") (contains "," $external.url) -}}
externalRedis.url has several addresses: set externalRedis.mode=sentinel or cluster.
{{- else if and $external.sentinelPasswordKey (not $external.existingSecret) -}}
externalRedis.sentinelPasswordKey is a key of externalRedis.existingSecret: set that too.
{{- else if and (or $external.caSecret (ne $external.mode "single")) (not (include "mooring.hasRedis" .)) -}}
externalRedis has no URL: set externalRedis.url or externalRedis.existingSecret.
{{- else if and $several (not (include "mooring.hasRedis" .)) -}}
Several pods or workers exchange messages through Redis: set redis.enabled=true or externalRedis.url, or replicas=1, autoscaling.mode=none and no config.WORKERS.
{{- end -}}
{{- end -}}

{{- define "mooring.authProblem" -}}
{{- $auth := .Values.auth -}}
{{- $shared := include "mooring.sharedSecret" . -}}
{{- if and $auth.publicKey $auth.jwksUrl -}}
auth.publicKey and auth.jwksUrl are both set: remove one.
{{- else if and $shared .Values.tests.tokenSecret -}}
tests.tokenSecret is for auth.publicKey and auth.jwksUrl: with a shared secret helm test signs its own tokens.
{{- end -}}
{{- range $auth.algorithms -}}
{{- if and $shared (not (hasPrefix "HS" .)) -}}
auth.algorithms contains {{ . }}, which needs auth.publicKey or auth.jwksUrl; with a shared secret use HS256, HS384 or HS512.
{{- else if and (not $shared) (hasPrefix "HS" .) -}}
auth.algorithms contains {{ . }}, which is for a shared secret: with auth.publicKey or auth.jwksUrl a client could sign with the public key.
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "mooring.exposureProblem" -}}
{{- $exposure := .Values.exposure -}}
{{- if and (ne $exposure.mode "ingress-nginx") (index .Values "ingress-nginx" "enabled") -}}
exposure.mode={{ $exposure.mode }} does not use the ingress-nginx controller: set ingress-nginx.enabled=false.
{{- else if and (eq $exposure.mode "gateway") (not $exposure.gateway.parentRefs) -}}
exposure.mode=gateway needs exposure.gateway.parentRefs, the Gateways to attach to: [{name: my-gateway}].
{{- else if and (ne $exposure.mode "gateway") (or $exposure.gateway.parentRefs (ne $exposure.gateway.preset "none") $exposure.gateway.sessionPersistence (eq $exposure.gateway.channel "experimental")) -}}
exposure.gateway is set while exposure.mode={{ $exposure.mode }}: set exposure.mode=gateway.
{{- else if and (eq $exposure.mode "gateway") (eq $exposure.gateway.preset "none") (not (include "mooring.sessionPersistence" .)) -}}
exposure.mode=gateway has no affinity: set exposure.gateway.preset, or exposure.gateway.channel=experimental where the CRDs have sessionPersistence.
{{- else if and (eq $exposure.gateway.preset "cilium") (not (include "mooring.sessionPersistence" .)) -}}
exposure.gateway.preset=cilium has affinity only through sessionPersistence: set exposure.gateway.channel=experimental.
{{- else if and (eq $exposure.gateway.preset "gke") (include "mooring.sessionPersistence" .) -}}
exposure.gateway.preset=gke has its own affinity, and refuses sessionPersistence: set exposure.gateway.channel=standard.
{{- else if and (ne $exposure.mode "ingress") (ne $exposure.ingress.preset "none") -}}
exposure.ingress.preset is for exposure.mode=ingress, not {{ $exposure.mode }}.
{{- else if and $exposure.ingress.className (index .Values "ingress-nginx" "enabled") -}}
exposure.ingress.className names another controller: set ingress-nginx.enabled=false, or leave it empty to use the chart's controller.
{{- else if and $exposure.extraHosts (not $exposure.host) -}}
exposure.extraHosts is set while exposure.host is empty, which is every host: set exposure.host.
{{- else if and $exposure.tls.secretName (not $exposure.tls.enabled) -}}
exposure.tls.secretName is set while exposure.tls.enabled=false: set exposure.tls.enabled=true.
{{- else if and $exposure.tls.secretName (not $exposure.host) (eq $exposure.mode "ingress-nginx") -}}
exposure.tls.secretName without exposure.host: ingress-nginx would serve its fake certificate. Set exposure.host, or ingress-nginx.defaultCertificate instead of it.
{{- else if and (index .Values "ingress-nginx" "defaultCertificate") (not $exposure.tls.enabled) -}}
ingress-nginx.defaultCertificate is set while exposure.tls.enabled=false: set exposure.tls.enabled=true.
{{- else if and $exposure.tls.secretName (eq $exposure.mode "gateway") -}}
exposure.tls.secretName: with exposure.mode=gateway the certificate belongs to the Gateway's listener; leave it empty.
{{- end -}}
{{- end -}}

{{/* A CPU quantity, in thousandths. */}}
{{- define "mooring.millicores" -}}
{{- $cpu := toString . -}}
{{- if hasSuffix "m" $cpu }}{{ trimSuffix "m" $cpu }}{{ else }}{{ mulf (float64 $cpu) 1000 | int }}{{ end -}}
{{- end -}}

{{- define "mooring.podProblem" -}}
{{- $service := .Values.service -}}
{{- $workers := .Values.config.WORKERS | default 1 | int -}}
{{- $cpu := (.Values.resources.limits | default dict).cpu -}}
{{- if and $cpu (gt $workers 1) (lt (include "mooring.millicores" $cpu | int) (add $workers 1 | mul 1000 | int)) -}}
resources.limits.cpu={{ $cpu }} throttles config.WORKERS={{ $workers }}: set {{ add $workers 1 }} or more, or null.
{{- else if and (eq $service.type "ClusterIP") $service.externalTrafficPolicy -}}
service.externalTrafficPolicy is for service.type=NodePort and LoadBalancer.
{{- else if and (ne $service.type "LoadBalancer") $service.loadBalancerClass -}}
service.loadBalancerClass is for service.type=LoadBalancer.
{{- else if and .Values.serviceAccount.annotations (not .Values.serviceAccount.create) -}}
serviceAccount.annotations are for the chart's ServiceAccount: set serviceAccount.create=true, or annotate your own.
{{- else if and .Values.podDeletionCost.enabled (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
podDeletionCost needs its own ServiceAccount: set serviceAccount.name or serviceAccount.create=true.
{{- end -}}
{{- end -}}

{{- define "mooring.scalingProblem" -}}
{{- $scaling := .Values.autoscaling -}}
{{- $cpu := (.Values.resources.requests | default dict).cpu -}}
{{- if and (include "mooring.autoscaled" .) (not (kindIs "invalid" .Values.replicas)) -}}
replicas={{ .Values.replicas }} is set while autoscaling.mode={{ $scaling.mode }} owns the number of pods: set autoscaling.min={{ max 1 (int .Values.replicas) }} instead, or autoscaling.mode=none.
{{- else if gt (int $scaling.min) (int $scaling.max) -}}
autoscaling.min ({{ $scaling.min }}) is above autoscaling.max ({{ $scaling.max }}).
{{- else if and (has $scaling.mode (list "auto" "resource" "connections")) (not $cpu) (not $scaling.metrics) -}}
autoscaling.mode={{ $scaling.mode }} targets a percentage of the CPU request: set resources.requests.cpu.
{{- else if and (eq $scaling.mode "keda") (not $scaling.keda.prometheusUrl) -}}
autoscaling.mode=keda needs Prometheus: set autoscaling.keda.prometheusUrl.
{{- else if and (ne $scaling.mode "keda") $scaling.keda.prometheusUrl -}}
autoscaling.keda is set while autoscaling.mode={{ $scaling.mode }}: set autoscaling.mode=keda.
{{- end -}}
{{- end -}}

{{- define "mooring.configProblem" -}}
{{- $config := .Values.config -}}
{{- if and (eq ($config.ROOM_ACCESS | default "") "webhook") (not $config.ROOM_ACCESS_URL) -}}
config.ROOM_ACCESS=webhook needs config.ROOM_ACCESS_URL.
{{- else if contains "*" ($config.CORS_ORIGINS | default "" | replace "://*." "://") -}}
config.CORS_ORIGINS: * is only allowed as the first label of a host, as in https://*.example.com.
{{- end -}}
{{- $own := keys (include "mooring.config" . | fromYaml) | concat (list "POD_NAME" "RELEASE" "REDIS_URL" "REDIS_PASSWORD" "REDIS_SENTINEL_PASSWORD" "JWT_SECRET" "JWT_SECRET_PREVIOUS" "API_KEY" "API_KEYS" "SECRETS_DIR") -}}
{{- range .Values.extraEnv -}}
{{- if has .name $own -}}
extraEnv contains {{ .name }}, which the chart sets: use config, auth or externalRedis instead.
{{- end -}}
{{- end -}}
{{- end -}}
