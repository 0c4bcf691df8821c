{{- define "mooring.autoscaled" -}}
{{- if ne .Values.autoscaling.mode "none" }}yes{{ end -}}
{{- end -}}

{{- define "mooring.liveDeployment" -}}
{{- lookup "apps/v1" "Deployment" .Release.Namespace (include "mooring.fullname" .) | toJson -}}
{{- end -}}

{{/*
The Deployment's `replicas`; empty if the field is omitted, because an autoscaler owns it: a field that is
never rendered is never reset, not even by a rollback. But omitting a field that the previous release
rendered removes it, and Kubernetes then runs one pod. So a live Deployment without the annotation of
deployment.yaml keeps its current number.
*/}}
{{- define "mooring.renderedReplicas" -}}
{{- $live := include "mooring.liveDeployment" . | fromJson -}}
{{- $annotations := ($live.metadata | default dict).annotations | default dict -}}
{{- if not (kindIs "invalid" .Values.replicas) -}}
{{- .Values.replicas | int -}}
{{- else if $live.spec -}}
{{- if or (not (include "mooring.autoscaled" .)) (ne (get $annotations "mooring/replicas") "autoscaler") -}}
{{- $live.spec.replicas | int -}}
{{- end -}}
{{- else if not (include "mooring.autoscaled" .) -}}
2
{{- end -}}
{{- end -}}

{{/* Minimum number of pods. */}}
{{- define "mooring.podsMin" -}}
{{- if include "mooring.autoscaled" . }}{{ int .Values.autoscaling.min }}{{ else }}{{ include "mooring.renderedReplicas" . }}{{ end -}}
{{- end -}}

{{/* Maximum number of pods. */}}
{{- define "mooring.podsMax" -}}
{{- if include "mooring.autoscaled" . }}{{ int .Values.autoscaling.max }}{{ else }}{{ include "mooring.renderedReplicas" . }}{{ end -}}
{{- end -}}

{{/*
Up after 90 seconds of demand, because a wave of handshakes or a start needs CPU for seconds only; down by
one pod after a quiet period and the drain of the previous pod. Kubernetes never scales down while a
metric is unknown.
*/}}
{{- define "mooring.scalingBehavior" -}}
{{- if .Values.autoscaling.behavior -}}
{{- toYaml .Values.autoscaling.behavior -}}
{{- else -}}
scaleUp:
  stabilizationWindowSeconds: 90
  selectPolicy: Max
  policies:
    - { type: Percent, value: 100, periodSeconds: 30 }
    - { type: Pods, value: 4, periodSeconds: 30 }
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - { type: Pods, value: 1, periodSeconds: {{ include "mooring.drainSeconds" . | int | add 60 }} }
{{- end -}}
{{- end -}}

{{/*
`auto` uses only metrics that the cluster serves: a single missing metric keeps the autoscaler from ever
removing a pod. Without any, it uses CPU: the autoscaler then stays at `min` until metrics-server is
installed.
*/}}
{{- define "mooring.scalingMetrics" -}}
{{- if .Values.autoscaling.metrics -}}
{{- toYaml .Values.autoscaling.metrics -}}
{{- else -}}
{{- $auto := eq .Values.autoscaling.mode "auto" -}}
{{- $connections := ternary (include "mooring.servesConnections" .) "yes" $auto -}}
{{- if eq .Values.autoscaling.mode "resource" }}{{ $connections = "" }}{{ end -}}
{{- if $connections -}}
- type: Pods
  pods:
    metric: { name: mooring_connections }
    target: { type: AverageValue, averageValue: {{ .Values.autoscaling.connectionsPerPod | int | quote }} }
{{ end -}}
{{- if or (not $auto) (not $connections) (.Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1") -}}
- type: ContainerResource
  containerResource:
    name: cpu
    container: mooring
    target: { type: Utilization, averageUtilization: {{ .Values.autoscaling.cpuPercent }} }
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "mooring.servesConnections" -}}
{{- range list "v1beta1" "v1beta2" -}}
{{- if $.Capabilities.APIVersions.Has (printf "custom.metrics.k8s.io/%s" .) }}yes{{ end -}}
{{- end -}}
{{- end -}}
