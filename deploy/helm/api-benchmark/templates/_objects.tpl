{{/* A drain asks before it takes the one that works; one that does not may go at any time. Takes: root, component. */}}
{{- define "apibench.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "apibench.metadata" . | nindent 2 }}
spec:
  minAvailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "apibench.selector" . | nindent 6 }}
{{- end }}

{{/* None has its token mounted but by a pod that says so. Takes: root, component. */}}
{{- define "apibench.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "apibench.metadata" . | nindent 2 }}
  {{- with (index .root.Values .component).serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/* Who may reach pods of a component, at which port. Takes: root, component, rules: a list of port, from components, and peers. */}}
{{- define "apibench.inward" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "apibench.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "apibench.selector" . | nindent 6 }}
  policyTypes:
    - Ingress
  ingress:
    {{- range $rule := .rules }}
    {{- if or $rule.components $rule.peers }}
    - ports:
        - port: {{ $rule.port }}
          protocol: TCP
      from:
        {{- range $rule.components }}
        - podSelector:
            matchLabels:
              {{- include "apibench.selector" (dict "root" $.root "component" .) | nindent 14 }}
        {{- end }}
        {{- with $rule.peers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- end }}
    {{- end }}
{{- end }}
