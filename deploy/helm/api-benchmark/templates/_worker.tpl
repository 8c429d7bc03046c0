{{/*
What a worker's pod is made from: of the standing pool, or of a run's Job. Agents write labels of their own (apibench/…),
which are not to stand here, and say for which run it is. Takes: root, component, metrics, standing: whether of the pool.
*/}}
{{- define "apibench.workerPod" -}}
{{- $values := .root.Values.worker -}}
metadata:
  labels:
    {{- if .standing }}
    {{- include "apibench.labels" . | nindent 4 }}
    {{- include "apibench.standing" . | nindent 4 }}
    {{- else }}
    {{- include "apibench.ownLabels" . | nindent 4 }}
    {{- end }}
  {{- include "apibench.podAnnotations" . | nindent 2 }}
spec:
  {{- include "apibench.restricted" . | nindent 2 }}
  {{- include "apibench.scheduling" . | nindent 2 }}
  {{- if not .standing }}
  restartPolicy: Never
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  dnsConfig: # a target's name is asked for as it stands first
    options:
      - name: ndots
        value: "1"
  containers:
    - name: worker
      {{- include "apibench.container" . | nindent 6 }}
      args:
        {{- include "apibench.workerFlags" . | nindent 8 }}
      env:
        {{- include "apibench.tokenEnvironment" . | nindent 8 }}
        {{- if $values.secretsSecret }}
        - name: APIBENCH_SECRETS
          value: /etc/apibench/secrets
        {{- end }}
      ports:
        - name: http
          containerPort: 8090
      {{- if .standing }}
      {{- include "apibench.probes" . | nindent 6 }}
      {{- end }}
      resources: # the same twice: its processors are its own, and no measurement is throttled by a neighbour
        requests: &whole
          cpu: {{ $values.cpus }}
          memory: {{ $values.memory }}
        limits: *whole
      volumeMounts:
        {{- include "apibench.mounts" . | nindent 8 }}
        {{- include "apibench.workerMounts" . | nindent 8 }}
  volumes:
    {{- include "apibench.volumes" . | nindent 4 }}
    {{- include "apibench.workerVolumes" . | nindent 4 }}
{{- end }}

{{/* What tells the pods of the standing pool from those of Jobs. */}}
{{- define "apibench.standing" -}}
apibench/pool: standing
{{- end }}

{{/* What a worker is started with. Takes: root. */}}
{{- define "apibench.workerFlags" -}}
- worker
{{- include "apibench.controllerFlags" . }}
- --http=0.0.0.0:8090
- --spool=/var/lib/apibench/worker
{{- with .root.Values.worker }}
{{- with .region }}
- --region={{ . }}
{{- end }}
{{- range $key, $value := .labels }}
- {{ printf "--label=%s=%s" $key $value | quote }}
{{- end }}
{{- if .dataClaim }}
- --data=/etc/apibench/data
{{- end }}
{{- if .python.keysConfigMap }}
- --python-keys=/etc/apibench/python/keys
{{- end }}
{{- with .python.processes }}
- --python-processes={{ . }}
{{- end }}
{{- with .python.timeout }}
- --python-timeout={{ . }}
{{- end }}
{{- with .python.memory }}
- --python-memory={{ . }}
{{- end }}
{{- end }}
{{ include "apibench.linkFlags" . }}
{{- end }}

{{/* Mounts of a worker beside those of all services, and the volumes to them. Takes: root, standing. */}}
{{- define "apibench.workerMounts" -}}
- name: folder
  mountPath: /var/lib/apibench
{{- with .root.Values.worker }}
{{- if .secretsSecret }}
- name: secrets
  mountPath: /etc/apibench/secrets
  readOnly: true
{{- end }}
{{- if .dataClaim }}
- name: data
  mountPath: /etc/apibench/data
  readOnly: true
{{- end }}
{{- if .python.keysConfigMap }}
- name: python
  mountPath: /etc/apibench/python
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "apibench.workerVolumes" -}}
{{- if not .standing }}
- name: folder # what is not delivered when its pod goes is lost: a pool's disk outlives its pods
  emptyDir:
    sizeLimit: {{ .root.Values.worker.storage.size }}
{{- end }}
{{- with .root.Values.worker }}
{{- with .secretsSecret }}
- name: secrets
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440, for everybody who reads YAML
{{- end }}
{{- with .dataClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- with .python.keysConfigMap }}
- name: python
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
