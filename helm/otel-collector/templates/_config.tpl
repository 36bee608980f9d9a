{{/* The type of a backend's exporter: a URL is OTLP/HTTP, HOST:PORT is OTLP/gRPC */}}
{{- define "otel-collector.protocol" -}}
{{ regexMatch "^https?://" . | ternary "otlp_http" "otlp_grpc" }}
{{- end }}

{{/* The exporters of a signal: (list $ "traces") */}}
{{- define "otel-collector.exporters" -}}
{{- $root := first . }}{{ $signal := last . }}{{ $names := list }}
{{- if ne $signal "metrics" }}
{{- with index $root.Values.backends $signal "endpoint" }}
{{- $names = append $names (printf "%s/%s" (include "otel-collector.protocol" .) $signal) }}
{{- end }}
{{- end }}
{{- if $root.Values.vendor.endpoint }}{{ $names = append $names "otlp_http/vendor" }}{{ end }}
{{- if eq $signal "metrics" }}
{{- $metrics := $root.Values.backends.metrics }}
{{- if $metrics.endpoint }}{{ $names = append $names (eq $metrics.protocol "otlp" | ternary "otlp_http/metrics" "forward/metrics") }}{{ end }}
{{- $names = append $names "prometheus" }}
{{- end }}
{{- $names | default (list (printf "debug/%s" $signal)) | join ", " }}
{{- end }}

{{/* Data is acknowledged when it is on disk, and removed from the disk when it is delivered. The batch
     processor would break both promises; batches are made on the way out of the queue instead. */}}
{{- define "otel-collector.delivery" -}}
sending_queue:
  storage: file_storage
  sizer: bytes
  queue_size: {{ int64 .Values.queue.bytes }}
  block_on_overflow: true
  batch: {sizer: items, flush_timeout: 200ms, min_size: 1024, max_size: 8192}
retry_on_failure: {max_elapsed_time: 0s}  # no limit
{{- end }}

{{/* URL, TLS and headers of the backend of metrics */}}
{{- define "otel-collector.metricsClient" -}}
{{- $backend := .Values.backends.metrics -}}
{{ eq $backend.protocol "otlp" | ternary "metrics_endpoint" "endpoint" }}: {{ tpl $backend.endpoint . | quote }}
{{- if $backend.caSecret }}
tls: {ca_file: /etc/otelcol/ca-metrics/ca.crt}
{{- end }}
{{- with $backend.headers }}
headers: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $backend.auth.existingSecret }}
auth: {authenticator: bearertokenauth/metrics}
{{- end }}
{{- end }}

{{- define "otel-collector.receiver" -}}
{{- with .Values.receivers.bearerToken.existingSecret }}
auth: {authenticator: bearertokenauth/clients}
{{- end }}
{{- $tls := .Values.receivers.tls }}
{{- if $tls.existingSecret }}
tls:
  cert_file: /etc/otelcol/tls/tls.crt
  key_file: /etc/otelcol/tls/tls.key
  reload_interval: 1h
  {{- if $tls.verifyClients }}
  client_ca_file: /etc/otelcol/tls/ca.crt
  {{- end }}
{{- end }}
{{- end }}

{{- define "otel-collector.generated" -}}
{{- $redMetrics := .Values.redMetrics }}
{{- $sampling := .Values.tailSampling }}
{{- $metrics := .Values.backends.metrics }}
{{- $remoteWrite := and $metrics.endpoint (eq $metrics.protocol "remoteWrite") -}}
extensions:
  health_check: {endpoint: ":13133"}  # no address: IPv4 and IPv6
  file_storage:
    directory: /var/lib/otelcol/queue
    create_directory: true
    fsync: true
    timeout: 10s
    compaction: {on_start: true, on_rebound: true, cleanup_on_start: true, directory: /var/lib/otelcol/queue}
  {{- if .Values.receivers.bearerToken.existingSecret }}
  bearertokenauth/clients: {filename: /etc/otelcol/clients/token}
  {{- end }}
  {{- if .Values.vendor.endpoint }}
  bearertokenauth/vendor:  # rereads the key when the Secret changes
    header: {{ .Values.vendor.header | quote }}
    scheme: {{ .Values.vendor.scheme | quote }}
    filename: /etc/otelcol/vendor/key
  {{- end }}
  {{- if $metrics.auth.existingSecret }}
  bearertokenauth/metrics: {header: {{ $metrics.auth.header }}, scheme: {{ $metrics.auth.scheme | quote }}, filename: /etc/otelcol/metrics/key}
  {{- end }}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: :4317
        {{- include "otel-collector.receiver" . | nindent 8 }}
      http:
        endpoint: :4318
        {{- include "otel-collector.receiver" . | nindent 8 }}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}
  k8s_attributes:
    extract:
      metadata:
        - k8s.namespace.name
        - k8s.deployment.name
        - k8s.pod.name
        - k8s.pod.uid
        - k8s.pod.start_time
        - k8s.node.name
        - container.image.name
        - container.image.tag
    pod_association:
      - sources: [{from: resource_attribute, name: k8s.pod.uid}]
      - sources: [{from: resource_attribute, name: k8s.pod.ip}]
      - sources: [{from: connection}]
  redaction:
    allow_all_keys: true
    blocked_key_patterns: {{- toYaml .Values.redaction.keys | nindent 6 }}
    blocked_values: {{- toYaml .Values.redaction.values | nindent 6 }}
    summary: silent
  transform/status:  # redaction does not process status messages, which often contain an exception's text
    trace_statements:
      {{- range .Values.redaction.values }}
      - 'replace_pattern(span.status.message, {{ toRawJson . | replace "'" "''" }}, "****")'
      {{- end }}
  {{- if $remoteWrite }}
  transform/labels:  # as `promote_resource_attributes` of Prometheus' OTLP receiver
    metric_statements:
      {{- range $metrics.labels }}
      - set(datapoint.attributes["{{ . }}"], resource.attributes["{{ . }}"]) where resource.attributes["{{ . }}"] != nil
      {{- end }}
  {{- end }}
  {{- if $sampling.enabled }}
  tail_sampling:
    decision_wait: {{ $sampling.decisionWait }}
    num_traces: {{ int64 $sampling.traces }}
    policies: {{- toYaml $sampling.policies | nindent 6 }}
  {{- end }}
connectors:
  span_metrics:
    histogram: {unit: s, explicit: {buckets: [{{ join ", " $redMetrics.buckets }}]}}
    dimensions: {{- range $redMetrics.dimensions }}
      - name: {{ . }}{{ end }}
    exemplars: {enabled: true}
    metrics_flush_interval: 15s
    metrics_expiration: 5m
    aggregation_cardinality_limit: {{ int64 $redMetrics.seriesLimit }}
  {{- if $sampling.enabled }}
  forward/sampling: {}
  {{- end }}
  {{- if $remoteWrite }}
  forward/metrics: {}
  {{- end }}
exporters:
  {{- range $signal, $backend := omit .Values.backends "metrics" }}
  {{- if $backend.endpoint }}
  {{- $isHttp := eq (include "otel-collector.protocol" $backend.endpoint) "otlp_http" }}
  {{ include "otel-collector.protocol" $backend.endpoint }}/{{ $signal }}:
    {{ $isHttp | ternary (printf "%s_endpoint" $signal) "endpoint" }}: {{ tpl $backend.endpoint $ | quote }}
    tls:
      insecure: {{ not (or $isHttp $backend.tls) }}
      {{- if $backend.caSecret }}
      ca_file: /etc/otelcol/ca-{{ $signal }}/ca.crt
      {{- end }}
    {{- with $backend.headers }}
    headers: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- include "otel-collector.delivery" $ | nindent 4 }}
  {{- else if not $.Values.vendor.endpoint }}
  debug/{{ $signal }}: {verbosity: {{ eq $signal "logs" | ternary "detailed" "normal" }}, use_internal_logger: false}
  {{- end }}
  {{- end }}
  {{- if .Values.vendor.endpoint }}
  otlp_http/vendor:
    endpoint: {{ .Values.vendor.endpoint | quote }}
    compression: gzip
    auth: {authenticator: bearertokenauth/vendor}
    {{- include "otel-collector.delivery" . | nindent 4 }}
  {{- end }}
  {{- if $remoteWrite }}
  prometheus_remote_write:
    {{- include "otel-collector.metricsClient" . | nindent 4 }}
    disable_scope_info: true
    # In memory: its log on disk is blocked by the first request that the backend refuses
    remote_write_queue: {queue_size: 1000, num_consumers: 5}
    timeout: 1h  # of all attempts; what cannot be sent for longer is dropped
    retry_on_failure: {max_elapsed_time: 0s}  # no other limit
  {{- else if $metrics.endpoint }}
  otlp_http/metrics:
    {{- include "otel-collector.metricsClient" . | nindent 4 }}
    {{- include "otel-collector.delivery" . | nindent 4 }}
  {{- end }}
  prometheus:
    endpoint: :8889
    enable_open_metrics: true  # only OpenMetrics has exemplars
service:
  extensions:
    - health_check
    - file_storage
    {{- if .Values.receivers.bearerToken.existingSecret }}
    - bearertokenauth/clients
    {{- end }}
    {{- if .Values.vendor.endpoint }}
    - bearertokenauth/vendor
    {{- end }}
    {{- if $metrics.auth.existingSecret }}
    - bearertokenauth/metrics
    {{- end }}
  telemetry:
    resource: {attributes: [{name: service.name, value: otel-collector}]}
    logs: {level: {{ .Values.logLevel }}, encoding: json}
    metrics:
      level: normal
      readers: [{pull: {exporter: {prometheus: {host: "", port: 8888}}}}]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, redaction, transform/status]
      exporters: [span_metrics, {{ $sampling.enabled | ternary "forward/sampling" (include "otel-collector.exporters" (list . "traces")) }}]
    {{- if $sampling.enabled }}
    traces/sampled:
      receivers: [forward/sampling]
      processors: [tail_sampling]
      exporters: [{{ include "otel-collector.exporters" (list . "traces") }}]
    {{- end }}
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, redaction]
      exporters: [{{ include "otel-collector.exporters" (list . "metrics") }}]
    metrics/red:  # derived from processed spans
      receivers: [span_metrics]
      exporters: [{{ include "otel-collector.exporters" (list . "metrics") }}]
    {{- if $remoteWrite }}
    metrics/remote_write:
      receivers: [forward/metrics]
      processors: [transform/labels]
      exporters: [prometheus_remote_write]
    {{- end }}
    logs:
      receivers: [otlp]
      processors: [memory_limiter, k8s_attributes, redaction]
      exporters: [{{ include "otel-collector.exporters" (list . "logs") }}]
{{- end }}

{{- define "otel-collector.config" -}}
{{- $own := mergeOverwrite (include "otel-collector.events" . | fromYaml) .Values.config }}
{{- include "common.mergeConfig" (list (include "otel-collector.generated" .) $own) }}
{{- end }}
