{{/* What every object's name begins with. Labels that Kubernetes makes of a StatefulSet's name have room for so much. */}}
{{- define "apibench.name" -}}
{{- if gt (len .Release.Name) 40 }}
{{- fail (printf "the release's name %s has %d characters: at most 40, for names and labels are made of it" .Release.Name (len .Release.Name)) }}
{{- end }}
{{- .Release.Name }}
{{- end }}

{{/* Who all pods of a component are, or of the whole release. Takes: root, component. */}}
{{- define "apibench.selector" -}}
app.kubernetes.io/name: api-benchmark
app.kubernetes.io/instance: {{ include "apibench.name" .root }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "apibench.labels" -}}
{{ include "apibench.ownLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* The same without who makes it: pods of Jobs are made by an agent, which says so itself. */}}
{{- define "apibench.ownLabels" -}}
{{ include "apibench.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The head of an object. Takes: root, component, and suffix for those that are not named after the component alone. */}}
{{- define "apibench.metadata" -}}
name: {{ include "apibench.name" .root }}-{{ .suffix | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "apibench.labels" . | nindent 2 }}
{{- end }}

{{/* What the head of each pod has beside labels. Takes: root, component, metrics: whether /metrics wants no token, annotations: its own. */}}
{{- define "apibench.podAnnotations" -}}
{{- $annotations := .annotations | default dict }}
{{- if and .metrics .root.Values.prometheusAnnotations }}
{{- $scheme := ternary "https" "http" .root.Values.tls.enabled }}
{{- $annotations = merge (dict) $annotations (dict "prometheus.io/scrape" "true" "prometheus.io/port" "8090" "prometheus.io/path" "/metrics" "prometheus.io/scheme" $scheme) }}
{{- end }}
{{- with merge (dict) (index .root.Values .component).podAnnotations $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod says of itself: Pod Security Standards, restricted. Only an agent asks Kubernetes for anything. Takes: root, component. */}}
{{- define "apibench.restricted" -}}
automountServiceAccountToken: {{ eq .component "agent" }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- if eq .component "worker" }}
  sysctls: # one of those that every node allows; 8090 stays out of it
    - name: net.ipv4.ip_local_port_range
      value: "10240 65535"
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Where pods of a component go. Takes: root, component. */}}
{{- define "apibench.scheduling" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "apibench.name" .root }}-{{ .component }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $values.topologySpread }}
    labelSelector:
      matchLabels:
        {{- include "apibench.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The image, and what nothing within it may do. Takes: root. */}}
{{- define "apibench.container" -}}
{{- with .root.Values.image -}}
image: {{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.root.Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop:
      - ALL
{{- end }}

{{/* How kubelets ask whether a service lives, and whether it can do its work. Takes: root. */}}
{{- define "apibench.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" .root.Values.tls.enabled -}}
startupProbe:
  httpGet:
    path: /healthz
    port: http
    scheme: {{ $scheme }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150 # five minutes: tables are brought up to the release before anything is listened at
livenessProbe:
  httpGet:
    path: /healthz
    port: http
    scheme: {{ $scheme }}
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: /readyz
    port: http
    scheme: {{ $scheme }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/* Flags of all services: how their links are protected. Takes: root. */}}
{{- define "apibench.linkFlags" -}}
{{- if .root.Values.tls.enabled -}}
- --ca-file=/etc/apibench/tls/ca.crt
- --certificate-file=/etc/apibench/tls/tls.crt
- --key-file=/etc/apibench/tls/tls.key
{{- else -}}
- --insecure
{{- end }}
{{- end }}

{{/* Of those that dial controllers: each that may lead, here or elsewhere. Takes: root. */}}
{{- define "apibench.controllerFlags" -}}
{{- if .root.Values.controller.enabled }}
{{- range until (int .root.Values.controller.replicas) }}
- --controller={{ include "apibench.name" $.root }}-controller-{{ . }}:8091
{{- end }}
{{- else }}
{{- range .root.Values.agent.controllers }}
- --controller={{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The database, without its password. Takes: root. */}}
{{- define "apibench.store" -}}
{{- with .root.Values.database -}}
postgresql://{{ .user }}@{{ .host }}:{{ .port }}/{{ .name }}?sslmode={{ .sslMode }}{{ if .caSecret }}&sslrootcert=/etc/apibench/database/ca.crt{{ end }}
{{- end }}
{{- end }}

{{/* What is known by secrets alone: the installation's token, and the password that libpq takes. Takes: root. */}}
{{- define "apibench.secretEnvironment" -}}
- name: APIBENCH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.token.existingSecret }}
      key: {{ .root.Values.token.key }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.database.existingSecret }}
      key: {{ .root.Values.database.key }}
{{- end }}

{{/* The token of those that dial controllers: one of their own, or the installation's. Takes: root, component. */}}
{{- define "apibench.tokenEnvironment" -}}
{{- $values := index .root.Values .component -}}
- name: APIBENCH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ $values.tokenSecret | default .root.Values.token.existingSecret }}
      key: {{ ternary $values.tokenKey .root.Values.token.key (ne $values.tokenSecret "") }}
{{- end }}

{{/* Mounts of all services, and the volumes to them. An agent has the certificate of its workers. Takes: root, component. */}}
{{- define "apibench.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .root.Values.tls.enabled }}
- name: tls
  mountPath: /etc/apibench/tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "apibench.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if .root.Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ index .root.Values.tls (printf "%sSecret" (eq .component "agent" | ternary "worker" .component)) }}
    defaultMode: 288 # 0440, for everybody who reads YAML
{{- end }}
{{- end }}

{{/* The same for the CA of the database. Takes: root. */}}
{{- define "apibench.databaseMount" -}}
{{- if .root.Values.database.caSecret }}
- name: database
  mountPath: /etc/apibench/database
  readOnly: true
{{- end }}
{{- end }}

{{- define "apibench.databaseVolume" -}}
{{- with .root.Values.database.caSecret }}
- name: database
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440, for everybody who reads YAML
{{- end }}
{{- end }}

{{/* How a Service is reached. Takes: a `service` of the values. */}}
{{- define "apibench.annotations" -}}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
