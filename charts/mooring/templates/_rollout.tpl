{{/* Times derived from drain.seconds and drain.settleSeconds: docs/operations/rollouts.md. */}}

{{/* Seconds from SIGTERM to the last close. */}}
{{- define "mooring.drainSeconds" -}}
{{- add .Values.drain.settleSeconds .Values.drain.seconds -}}
{{- end -}}

{{/* Whether a complete new generation runs beside the old one. */}}
{{- define "mooring.surgesWhole" -}}
{{- $surge := .Values.rollout.maxSurge | toString -}}
{{- $whole := ternary 100 (include "mooring.podsMax" . | int) (hasSuffix "%" $surge) -}}
{{- if ge (trimSuffix "%" $surge | int) $whole }}yes{{ end -}}
{{- end -}}

{{/*
How long a new pod must be ready before an old one is deleted: until every proxy knows it and, if all
new pods start at once, until the old ones have moved their clients.
*/}}
{{- define "mooring.minReadySeconds" -}}
{{- if include "mooring.surgesWhole" . -}}
{{- include "mooring.drainSeconds" . | int | add 6 -}}
{{- else -}}
{{- add .Values.drain.settleSeconds 2 -}}
{{- end -}}
{{- end -}}

{{/*
How many pods a proxy tries for a handshake. In a rollout at most half of the pods refuse, so 20 refusals
in a row happen to one handshake in a million, at any number of pods. A number that depends on the
replicas would change the Ingress on every scaling, and every reload of nginx closes old connections.
*/}}
{{- define "mooring.tries" -}}20{{- end -}}

{{- define "mooring.rolloutProblem" -}}
{{- $seconds := include "mooring.drainSeconds" . | int -}}
{{- $settle := int .Values.drain.settleSeconds -}}
{{- $controller := index .Values "ingress-nginx" -}}
{{- if and (eq .Values.exposure.mode "ingress-nginx") (lt $settle 5) -}}
drain.settleSeconds={{ $settle }} is less than ingress-nginx needs to notice a pod: set 5 or more.
{{- else if and $controller.enabled (lt (int $controller.workerShutdownSeconds) $seconds) -}}
ingress-nginx.workerShutdownSeconds={{ $controller.workerShutdownSeconds }} closes connections before the pod has drained them: set drain.seconds + drain.settleSeconds = {{ $seconds }} or more.
{{- end -}}
{{- end -}}
