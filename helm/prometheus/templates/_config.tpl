{{/* 80 % of the volume, in MiB: the write-ahead log and a compaction need the rest */}}
{{- define "prometheus.retentionSize" -}}
{{- printf "%dMB" (div (include "common.bytes" .Values.volume.size | mulf 0.8 | int64) 1048576) }}
{{- end }}

{{/* Pods of this release, and of any release in the further namespaces, by NAMESPACE;INSTANCE */}}
{{- define "prometheus.scraped" -}}
{{- $all := list (printf "%s;%s" .Release.Namespace .Release.Name) }}
{{- range .Values.scrape.namespaces }}{{ $all = append $all (printf "%s;.*" .) }}{{ end }}
{{- join "|" $all }}
{{- end }}

{{- define "prometheus.ports" -}}
{{- $all := list }}
{{- range $part, $port := .Values.scrape.parts }}{{ $all = append $all (printf "%s;%v" $part $port) }}{{ end }}
{{- join "|" $all }}
{{- end }}

{{/* Metrics of services come by OTLP and not by a scrape of the Collector: the exporter `prometheus` of the Collector drops
     resource attributes or makes labels of all of them, and a scrape reads its exemplars only as OpenMetrics.
     https://prometheus.io/docs/guides/opentelemetry/ */}}
{{- define "prometheus.generated" -}}
global:
  scrape_interval: {{ .Values.scrape.intervalSeconds }}s
  evaluation_interval: {{ .Values.scrape.intervalSeconds }}s
storage:
  tsdb:
    # Several Collectors, and each with several connections, deliver the samples of a series out of order
    out_of_order_time_window: {{ .Values.otlp.outOfOrderWindow }}
    retention: {time: {{ .Values.retentionDays }}d, size: {{ include "prometheus.retentionSize" . }}}
  exemplars: {max_exemplars: {{ int64 .Values.exemplars }}}
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  promote_resource_attributes: {{- toYaml .Values.otlp.labels | nindent 4 }}
rule_files: [/etc/prometheus/rules/*.yaml]
{{- with .Values.alertmanagers }}
alerting:
  alertmanagers: [{static_configs: [{targets: {{ toJson . }}}]}]
{{- end }}
scrape_configs:
  - job_name: prometheus
    {{- if .Values.tls.existingSecret }}
    scheme: https
    tls_config: {ca_file: /etc/prometheus/tls/ca.crt, server_name: {{ include "common.fullname" . }}}
    {{- end }}
    static_configs: [{targets: ["localhost:9090"]}]
  {{- if .Values.scrape.parts }}
  - job_name: parts
    kubernetes_sd_configs:
      - role: pod
        namespaces: {own_namespace: true, names: {{ toJson .Values.scrape.namespaces }}}
        selectors: [{role: pod, label: app.kubernetes.io/part-of=spanloom}]
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_container_port_number]
        regex: {{ include "prometheus.ports" . | quote }}
        action: keep
      - source_labels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_label_app_kubernetes_io_instance]
        regex: {{ include "prometheus.scraped" . | quote }}
        action: keep
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}  # evicted pods
      - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], target_label: job}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: instance}
      # as OTLP's resource attributes
      - {source_labels: [__meta_kubernetes_namespace], target_label: k8s_namespace_name}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: k8s_pod_name}
  {{- end }}
{{- end }}

{{- define "prometheus.config" -}}
{{- include "common.mergeConfig" (list (include "prometheus.generated" .) .Values.config) }}
{{- end }}

{{/* The files of rules as data of a ConfigMap */}}
{{- define "prometheus.rules" -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" }}
{{ base $path }}: |
  {{- $.Files.Get $path | trim | nindent 2 }}
{{- end }}
{{- end }}
