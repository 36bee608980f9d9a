{{/* A ServiceMonitor or PodMonitor of the Prometheus Operator, with the labels of the chart prometheus' own scrapes:
     (dict "root" $ "kind" "ServiceMonitor" "port" "metrics" "of" .Values.serviceMonitor) */}}
{{- define "common.monitor" -}}
{{- if .of.enabled -}}
apiVersion: monitoring.coreos.com/v1
kind: {{ .kind }}
metadata:
  name: {{ include "common.fullname" .root }}
  labels:
    {{- include "common.labels" .root | nindent 4 }}
    {{- with .of.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector: {matchLabels: {{ include "common.selector" .root }}}
  jobLabel: app.kubernetes.io/name
  {{ eq .kind "PodMonitor" | ternary "podMetricsEndpoints" "endpoints" }}:
    - port: {{ .port }}
      relabelings:
        - {sourceLabels: [__meta_kubernetes_pod_name], targetLabel: instance}
        - {sourceLabels: [__meta_kubernetes_namespace], targetLabel: k8s_namespace_name}
        - {sourceLabels: [__meta_kubernetes_pod_name], targetLabel: k8s_pod_name}
{{- end }}
{{- end }}
