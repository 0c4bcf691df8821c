{{- define "mooring.autoscaled" -}}
{{- if ne .Values.autoscaling.mode "none" }}yes{{ end -}}
{{- end -}}

{{- define "mooring.liveDeployment" -}}
{{- lookup "apps/v1" "Deployment" .Release.Namespace (include "mooring.fullname" .) | toJson -}}
{{- end -}}

{{/*
The Deployment's `replicas`; empty where the field is left out. An autoscaler owns it: what is never
rendered is never reset, not even by a rollback. But leaving out what the release before has rendered
removes the field, and Kubernetes then runs one pod. So a live Deployment without the annotation of
deployment.yaml keeps the number that it has.
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

{{/* Fewest pods that are meant to be there. */}}
{{- define "mooring.podsMin" -}}
{{- if include "mooring.autoscaled" . }}{{ int .Values.autoscaling.min }}{{ else }}{{ include "mooring.renderedReplicas" . }}{{ end -}}
{{- end -}}

{{/* Most pods that are meant to be there. */}}
{{- define "mooring.podsMax" -}}
{{- if include "mooring.autoscaled" . }}{{ int .Values.autoscaling.max }}{{ else }}{{ include "mooring.renderedReplicas" . }}{{ end -}}
{{- end -}}

{{/*
Up after a minute and a half of need, since a wave of handshakes or a start costs CPU for seconds only;
down by one pod, once it has been quiet and the pod before it has drained. With an unknown metric
Kubernetes never scales down.
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
`auto` asks only for what the cluster serves: one metric without an answer keeps the autoscaler from
ever removing a pod. Without either, CPU: the autoscaler then holds `min`, and begins to work once
metrics-server is there.
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
