{{/* The namespaces whose Events are collected */}}
{{- define "otel-collector.eventNamespaces" -}}
{{- .Values.kubernetesEvents.namespaces | default (list .Release.Namespace) | uniq | toYaml }}
{{- end }}

{{/* The part of the configuration that collects Events: their resource is the object that they are about */}}
{{- define "otel-collector.events" -}}
{{- if .Values.kubernetesEvents.enabled -}}
receivers:
  k8s_events:
    namespaces: {{- include "otel-collector.eventNamespaces" . | nindent 6 }}
processors:
  resource/events: {attributes: [{key: service.name, value: kubernetes-events, action: insert}]}
service:
  pipelines:
    logs/events:
      receivers: [k8s_events]
      processors: [memory_limiter, resource/events, redaction]
      exporters: [{{ include "otel-collector.exporters" (list . "logs") }}]
{{- end }}
{{- end }}
