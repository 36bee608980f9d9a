{{/* Addresses without a "/" at the end: the index cleaner and Jaeger append paths to them */}}
{{- define "jaeger.addresses" -}}
{{- range .Values.storage.addresses }}
- {{ trimAll "/" . | quote }}
{{- end }}
{{- end }}

{{/* HOST:PORT of each address */}}
{{- define "jaeger.hosts" -}}
{{- $hosts := list }}
{{- range .Values.storage.addresses }}
{{- $host := regexReplaceAll "^https?://|/.*$" . "" }}
{{- $port := regexFind ":[0-9]+$" $host | default (hasPrefix "https:" . | ternary ":443" ":80") }}
{{- $hosts = append $hosts (printf "%s%s" (trimSuffix $port $host) $port) }}
{{- end }}
{{- join "," $hosts }}
{{- end }}

{{/* Traces that fit half of the memory limit, of 20 spans with 12 attributes: 1.7 KiB each, garbage included. The other
     half is for everything else, so that the oldest trace leaves before memory is short. */}}
{{- define "jaeger.traces" -}}
{{- $limit := (.Values.resources.limits | default dict).memory | default "512Mi" }}
{{- .Values.storage.traces | default (div (include "common.bytes" $limit | int64) 70000) | int64 }}
{{- end }}

{{- define "jaeger.storage" -}}
{{- $storage := .Values.storage }}
{{- $hours := printf "%dh" (mul 24 $storage.retentionDays) }}
{{- if eq $storage.type "memory" -}}
memory: {max_traces: {{ include "jaeger.traces" . }}}
{{- else if eq $storage.type "badger" -}}
badger:
  ephemeral: false
  directories: {keys: /var/lib/jaeger/keys, values: /var/lib/jaeger/values}
  ttl: {spans: {{ $hours }}}
{{- else if has $storage.type (list "opensearch" "elasticsearch") -}}
{{ $storage.type }}:
  server_urls: {{- include "jaeger.addresses" . | trim | nindent 4 }}
  indices: {index_prefix: {{ $storage.database }}}
  # Spans in an index are also found by id: the last index may be a day older than its newest span
  max_span_age: {{ mul 24 (add1 $storage.retentionDays) }}h
  {{- if $storage.existingSecret }}
  auth: {basic: {username: {{ $storage.username | quote }}, password_file: /etc/jaeger/storage/password, reload_interval: 10s}}
  {{- end }}
  {{- if hasPrefix "https:" (first $storage.addresses) }}
  {{- include "jaeger.storage.tls" (merge (dict "tls" true) $storage) | nindent 2 }}
  {{- end }}
{{- else if eq $storage.type "cassandra" -}}
cassandra:
  schema:
    keyspace: {{ $storage.database }}
    create: true
    trace_ttl: {{ $hours }}
    dependencies_ttl: {{ $hours }}
    replication_factor: {{ $storage.cassandra.replicationFactor }}
    {{- with $storage.cassandra.datacenter }}
    datacenter: {{ . }}
    {{- end }}
  connection:
    servers: {{- toYaml $storage.addresses | nindent 6 }}
    {{- with $storage.cassandra.datacenter }}
    local_dc: {{ . }}
    {{- end }}
    {{- if $storage.existingSecret }}
    auth: {basic: {username: {{ $storage.username | quote }}, password: "${file:/etc/jaeger/storage/password}"}}
    {{- end }}
    {{- include "jaeger.storage.tls" $storage | nindent 4 }}
{{- else if eq $storage.type "clickhouse" -}}
clickhouse:
  addresses: {{- toYaml $storage.addresses | nindent 4 }}
  database: {{ $storage.database }}
  create_schema: true
  {{- if $storage.existingSecret }}
  auth: {basic: {username: {{ $storage.username | quote }}, password: "${file:/etc/jaeger/storage/password}"}}
  {{- end }}
{{- else -}}
grpc:
  endpoint: {{ first $storage.addresses }}
  {{- include "jaeger.storage.tls" $storage | nindent 2 }}
  writer:
    endpoint: {{ first $storage.addresses }}
    {{- include "jaeger.storage.tls" $storage | nindent 4 }}
{{- end }}
{{- end }}

{{- define "jaeger.storage.tls" -}}
tls:
  insecure: {{ not .tls }}
  {{- if .caSecret }}
  ca_file: /etc/jaeger/storage-ca/ca.crt
  {{- end }}
  {{- with .serverName }}
  server_name_override: {{ . }}
  {{- end }}
{{- end }}

{{- define "jaeger.receiver" -}}
{{- if .Values.receivers.tls.existingSecret -}}
tls: {cert_file: /etc/jaeger/tls/tls.crt, key_file: /etc/jaeger/tls/tls.key, reload_interval: 1h}
{{- end }}
{{- end }}

{{/* No queue and no batch of the Collector's kind: a sender's queue keeps what is not acknowledged. What is acknowledged
     is stored by badger, cassandra, clickhouse and grpc; opensearch and elasticsearch get it from a bulk writer, which
     holds up to 200 ms of spans in memory and retries when the storage was down: those are lost with the pod. */}}
{{- define "jaeger.generated" -}}
{{- $memory := eq .Values.storage.type "memory" }}
extensions:
  healthcheckv2:
    use_v2: true
    http: {endpoint: ":13133", status: {enabled: true, path: /status}}
  jaeger_storage:
    backends:
      traces:
        {{- include "jaeger.storage" . | nindent 8 }}
    {{- with .Values.metrics.endpoint }}
    metric_backends:
      metrics:
        prometheus:  # names and unit of the Collector's span_metrics, as OTLP's translation in Prometheus makes them
          endpoint: {{ tpl . $ | quote }}
          metric_namespace: traces_span_metrics
          latency_unit: s
          normalize_calls: true
          normalize_duration: true
          {{- if $.Values.metrics.caSecret }}
          tls: {ca_file: /etc/jaeger/metrics-ca/ca.crt}
          {{- end }}
    {{- end }}
  {{- if .Values.sampling.strategies }}
  remote_sampling:
    file: {path: /etc/jaeger/config/strategies.json, reload_interval: 10s}
    http: {endpoint: ":5778"}
  {{- end }}
  jaeger_query:
    storage: {traces: traces{{ if .Values.metrics.endpoint }}, metrics: metrics{{ end }}}
    enable_tracing: false  # queries are not traced
    http: {endpoint: ":16686"}
    grpc: {endpoint: ":16685"}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: :4317
        {{- include "jaeger.receiver" . | nindent 8 }}
      http:
        endpoint: :4318
        {{- include "jaeger.receiver" . | nindent 8 }}
{{- if not $memory }}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 90, spike_limit_percentage: 20}
{{- end }}
exporters:
  jaeger_storage_exporter: {trace_storage: traces}
service:
  extensions: [healthcheckv2, jaeger_storage, jaeger_query{{ if .Values.sampling.strategies }}, remote_sampling{{ end }}]
  telemetry:
    resource: {service.name: jaeger}
    logs: {level: {{ .Values.logLevel }}, encoding: json}
    metrics:
      level: normal
      readers: [{pull: {exporter: {prometheus: {host: "", port: 8888}}}}]
  pipelines:
    traces:
      receivers: [otlp]
      {{- if not $memory }}
      processors: [memory_limiter]
      {{- end }}
      exporters: [jaeger_storage_exporter]
{{- end }}

{{- define "jaeger.config" -}}
{{- include "common.mergeConfig" (list (include "jaeger.generated" .) .Values.config) }}
{{- end }}
