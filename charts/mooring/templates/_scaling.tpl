{{/* Fewest pods that are meant to be there. */}}
{{- define "mooring.podsMin" -}}
{{- ternary .Values.replicas .Values.autoscaling.min (eq .Values.autoscaling.mode "none") | int -}}
{{- end -}}

{{/*
Up at once, since connections come in waves; down by one pod, once it has been quiet and the pod
before it has drained. With an unknown metric Kubernetes never scales down.
*/}}
{{- define "mooring.scalingBehavior" -}}
{{- if .Values.autoscaling.behavior -}}
{{- toYaml .Values.autoscaling.behavior -}}
{{- else -}}
scaleUp:
  stabilizationWindowSeconds: 0
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

{{- define "mooring.scalingMetrics" -}}
{{- if .Values.autoscaling.metrics -}}
{{- toYaml .Values.autoscaling.metrics -}}
{{- else -}}
{{- if eq .Values.autoscaling.mode "connections" -}}
- type: Pods
  pods:
    metric: { name: mooring_connections }
    target: { type: AverageValue, averageValue: {{ .Values.autoscaling.connectionsPerPod | int | quote }} }
{{ end -}}
- type: ContainerResource
  containerResource:
    name: cpu
    container: mooring
    target: { type: Utilization, averageUtilization: {{ .Values.autoscaling.cpuPercent }} }
{{- end -}}
{{- end -}}
