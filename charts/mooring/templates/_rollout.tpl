{{/* What follows from drain.seconds and drain.settleSeconds: docs/operations/rollouts.md. */}}

{{/* Seconds from SIGTERM to the last close. */}}
{{- define "mooring.drainSeconds" -}}
{{- add .Values.drain.settleSeconds .Values.drain.seconds -}}
{{- end -}}

{{/* Whether a whole new generation fits beside the old one. */}}
{{- define "mooring.surgesWhole" -}}
{{- $surge := .Values.rollout.maxSurge | toString -}}
{{- $whole := ternary 100 (include "mooring.podsMax" . | int) (hasSuffix "%" $surge) -}}
{{- if ge (trimSuffix "%" $surge | int) $whole }}yes{{ end -}}
{{- end -}}

{{/*
A new pod stands for so long before an old one is deleted: until every proxy knows it, and where all
new pods come at once, until the old ones have moved their clients to them.
*/}}
{{- define "mooring.minReadySeconds" -}}
{{- if include "mooring.surgesWhole" . -}}
{{- include "mooring.drainSeconds" . | int | add 6 -}}
{{- else -}}
{{- add .Values.drain.settleSeconds 2 -}}
{{- end -}}
{{- end -}}

{{/*
Pods that a handshake is offered to. In a rollout at most half of the pods refuse, so 20 in a row are one
handshake in a million, at any number of pods. A number that followed the replicas would change the
Ingress with each scaling, and every reload of nginx ends by cutting its old connections.
*/}}
{{- define "mooring.tries" -}}20{{- end -}}

{{- define "mooring.rolloutProblem" -}}
{{- $seconds := include "mooring.drainSeconds" . | int -}}
{{- $settle := int .Values.drain.settleSeconds -}}
{{- $controller := index .Values "ingress-nginx" -}}
{{- if and (eq .Values.exposure.mode "ingress-nginx") (lt $settle 5) -}}
drain.settleSeconds={{ $settle }} is less than ingress-nginx takes to learn of a pod: set 5 or more.
{{- else if and $controller.enabled (lt (int $controller.workerShutdownSeconds) $seconds) -}}
ingress-nginx.workerShutdownSeconds={{ $controller.workerShutdownSeconds }} cuts connections that a pod is still to close: set drain.seconds + drain.settleSeconds = {{ $seconds }} or more.
{{- end -}}
{{- end -}}
