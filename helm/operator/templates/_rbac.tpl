{{/* What the operator may do in the namespaces it looks after: no Secrets, no change of pods, no creating of workloads.
     ReplicaSets, Jobs and Pods with the label are listed to say in an Event that it has no effect there. */}}
{{- define "operator.rules" -}}
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [get, list, watch, patch]}
- {apiGroups: [batch], resources: [cronjobs], verbs: [get, list, watch, patch]}
- {apiGroups: [apps], resources: [replicasets], verbs: [list, watch]}
- {apiGroups: [batch], resources: [jobs], verbs: [list, watch]}
- {apiGroups: [""], resources: [pods], verbs: [list, watch]}
- {apiGroups: [""], resources: [configmaps], verbs: [get]}
- {apiGroups: [""], resources: [events], verbs: [create]}
- {apiGroups: [spanloom.dev], resources: [otelprofiles], verbs: [get, list, watch]}
- {apiGroups: [spanloom.dev], resources: [otelprofiles/status], verbs: [patch]}
- {apiGroups: [spanloom.dev], resources: [otelinjections], verbs: [get, list, create, patch, delete]}
{{- end }}

{{- define "operator.cleanupRules" -}}
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [get, list, patch]}
- {apiGroups: [batch], resources: [cronjobs], verbs: [get, list, patch]}
- {apiGroups: [spanloom.dev], resources: [otelinjections], verbs: [list, delete]}
{{- end }}

{{/* One installation looks after a namespace, or after the cluster: the Lease of this name says which */}}
{{- define "operator.leaseRules" -}}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}
- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [{{ . }}], verbs: [get, patch, delete]}
{{- end }}

{{/* A role and its binding, in the whole cluster or in each namespace:
     (dict "root" $ "name" … "account" … "part" … "rules" … "namespaces" … "annotations" …) */}}
{{- define "operator.role" -}}
{{- $root := .root }}
{{- $rules := .rules }}
{{- $labels := include "common.labels" (list $root .part) }}
{{- $annotations := .annotations }}
{{- $subjects := printf "[{kind: ServiceAccount, name: %s, namespace: %s}]" .account $root.Release.Namespace }}
{{- $name := printf "%s-%s" $root.Release.Namespace .name }}
{{- range $namespace := default (list "") .namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ empty $namespace | ternary "ClusterRole" "Role" }}
metadata:
  name: {{ $name }}
  {{- if $namespace }}
  namespace: {{ $namespace }}
  {{- end }}
  labels: {{- $labels | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- $rules | nindent 2 }}
  {{- if $namespace }}
  - {apiGroups: [""], resources: [namespaces], resourceNames: [{{ $namespace }}], verbs: [get]}
  {{- include "operator.leaseRules" "spanloom-operator" | nindent 2 }}
  {{- else }}
  - {apiGroups: [""], resources: [namespaces], verbs: [list, watch]}
  - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [spanloom-operator], verbs: [list]}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ empty $namespace | ternary "ClusterRoleBinding" "RoleBinding" }}
metadata:
  name: {{ $name }}
  {{- if $namespace }}
  namespace: {{ $namespace }}
  {{- end }}
  labels: {{- $labels | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ empty $namespace | ternary "ClusterRole" "Role" }}, name: {{ $name }}}
subjects: {{ $subjects }}
{{- end }}
{{- if empty .namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: default  # the only namespace that every cluster has
  labels: {{- $labels | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- include "operator.leaseRules" "spanloom-operator-cluster" | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: default
  labels: {{- $labels | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects: {{ $subjects }}
{{- end }}
{{- end }}
