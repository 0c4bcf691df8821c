{{/* Checksums restart pods when their configuration changes. */}}
{{- define "mooring.podAnnotations" -}}
checksum/config: {{ include "mooring.config" . | sha256sum }}
checksum/secret: {{ include "mooring.secretData" . | sha256sum }}
{{- with include "mooring.nginxConfig" . }}
checksum/nginx: {{ sha256sum . }}
{{- end }}
{{- if and .Values.metrics.annotations (eq .Values.monitoring.monitor "none") }}
prometheus.io/scrape: "true"
prometheus.io/port: "3001"
prometheus.io/path: /metrics
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "mooring.podSpec" -}}
serviceAccountName: {{ include "mooring.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.podDeletionCost.enabled }}
enableServiceLinks: false
# After SIGTERM proxies notice, connections are closed gradually, and the rest is margin. The service
# waits by itself, so no preStop hook is needed.
terminationGracePeriodSeconds: {{ include "mooring.drainSeconds" . | int | add 15 }}
{{- with include "mooring.imagePullSecrets" . }}
imagePullSecrets: {{- . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: mooring
    {{- include "mooring.container" . | nindent 4 }}
  {{- with .Values.sidecars }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints: {{- include "mooring.spread" . | nindent 2 }}
volumes:
  {{- if .Values.externalRedis.caSecret }}
  - name: redis-ca
    secret: { secretName: {{ .Values.externalRedis.caSecret }} }
  {{- end }}
  - name: secrets
    projected:
      sources: {{- include "mooring.secretSources" . | nindent 8 }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "mooring.container" -}}
image: {{ include "mooring.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.lifecycle }}
lifecycle: {{- toYaml . | nindent 2 }}
{{- end }}
envFrom:
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - configMapRef: { name: {{ include "mooring.fullname" . }} } # the last one wins
env:
  - name: POD_NAME
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  - name: RELEASE # the same for all pods of a rollout; they yield to the next one
    valueFrom: { fieldRef: { fieldPath: "metadata.labels['pod-template-hash']" } }
  - { name: SECRETS_DIR, value: {{ include "mooring.secretsPath" . }} }
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - { name: http, containerPort: 3000 }
  - { name: operations, containerPort: 3001 }
{{- range $name, $probe := include "mooring.probes" . | fromYaml }}
{{ $name }}: {{- toYaml $probe | nindent 2 }}
{{- end }}
resources: {{- include "mooring.resources" . | nindent 2 }}
volumeMounts:
  {{- if .Values.externalRedis.caSecret }}
  - { name: redis-ca, mountPath: /etc/mooring/redis-ca, readOnly: true }
  {{- end }}
  - { name: secrets, mountPath: {{ include "mooring.secretsPath" . }}, readOnly: true }
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* An empty limit of the CPU follows the number of workers. */}}
{{- define "mooring.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- $limits := $resources.limits | default dict -}}
{{- if eq (toString $limits.cpu) "" -}}
{{- $_ := set $limits "cpu" (.Values.config.WORKERS | default 1 | int | add 1 | toString) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Spreads each revision separately, so that old pods do not influence a rollout. */}}
{{- define "mooring.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
{{- toYaml .Values.topologySpreadConstraints -}}
{{- else -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "mooring.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}
{{- end -}}

{{- define "mooring.probes" -}}
{{- $defaults := include "mooring.defaultProbes" . | fromYaml -}}
{{- range $name, $probe := .Values.probes }}
{{ $name }}Probe: {{- toYaml (mergeOverwrite (get $defaults (printf "%sProbe" $name)) (deepCopy $probe)) | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "mooring.defaultProbes" -}}
startupProbe: # a minute, also without Redis
  httpGet: { path: /healthz, port: operations }
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /readyz, port: operations }
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe: # independent of Redis
  httpGet: { path: /healthz, port: operations }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
  terminationGracePeriodSeconds: 5 # a process that does not answer does not drain either
{{- end -}}
