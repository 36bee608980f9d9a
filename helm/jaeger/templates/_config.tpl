{{- define "jaeger.storage" -}}
{{- $hours := printf "%dh" (mul 24 .retentionDays) -}}
{{- if eq .type "memory" -}}
memory: {max_traces: {{ int64 .traces }}}
{{- else if eq .type "badger" -}}
badger:
  ephemeral: false
  directories: {keys: /var/lib/jaeger/keys, values: /var/lib/jaeger/values}
  ttl: {spans: {{ $hours }}}
{{- else if has .type (list "opensearch" "elasticsearch") -}}
{{ .type }}:
  server_urls: {{- toYaml .addresses | nindent 4 }}
  indices: {index_prefix: {{ .database }}}
  {{- if .existingSecret }}
  auth: {basic: {username: {{ .username | quote }}, password_file: /etc/jaeger/storage/password, reload_interval: 10s}}
  {{- end }}
  {{- if .caSecret }}
  tls: {ca_file: /etc/jaeger/storage-ca/ca.crt}
  {{- end }}
{{- else if eq .type "cassandra" -}}
cassandra:
  schema: {keyspace: {{ .database }}, create: true, trace_ttl: {{ $hours }}, dependencies_ttl: {{ $hours }}}
  connection:
    servers: {{- toYaml .addresses | nindent 6 }}
    {{- if .existingSecret }}
    auth: {basic: {username: {{ .username | quote }}, password: "${file:/etc/jaeger/storage/password}"}}
    {{- end }}
    {{- include "jaeger.storage.tls" . | nindent 4 }}
{{- else if eq .type "clickhouse" -}}
clickhouse:
  addresses: {{- toYaml .addresses | nindent 4 }}
  database: {{ .database }}
  create_schema: true
  {{- if .existingSecret }}
  auth: {basic: {username: {{ .username | quote }}, password: "${file:/etc/jaeger/storage/password}"}}
  {{- end }}
{{- else -}}
grpc:
  endpoint: {{ first .addresses }}
  {{- include "jaeger.storage.tls" . | nindent 2 }}
  writer:
    endpoint: {{ first .addresses }}
    {{- include "jaeger.storage.tls" . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "jaeger.storage.tls" -}}
tls:
  insecure: {{ not .tls }}
  {{- if .caSecret }}
  ca_file: /etc/jaeger/storage-ca/ca.crt
  {{- end }}
{{- end }}

{{- define "jaeger.receiver" -}}
{{- if .Values.receivers.tls.existingSecret -}}
tls: {cert_file: /etc/jaeger/tls/tls.crt, key_file: /etc/jaeger/tls/tls.key, reload_interval: 1h}
{{- end }}
{{- end }}

{{/* No queue and no batch: what is acknowledged is stored, and the sender's queue keeps the rest. */}}
{{- define "jaeger.config" -}}
extensions:
  healthcheckv2:
    use_v2: true
    http: {endpoint: "0.0.0.0:13133", status: {enabled: true, path: /status}}
  jaeger_storage:
    backends:
      traces:
        {{- include "jaeger.storage" .Values.storage | nindent 8 }}
  jaeger_query:
    storage: {traces: traces}
    enable_tracing: false  # looking at traces makes none
    http: {endpoint: "0.0.0.0:16686"}
    grpc: {endpoint: "0.0.0.0:16685"}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        {{- include "jaeger.receiver" . | nindent 8 }}
      http:
        endpoint: 0.0.0.0:4318
        {{- include "jaeger.receiver" . | nindent 8 }}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 90, spike_limit_percentage: 20}
exporters:
  jaeger_storage_exporter: {trace_storage: traces}
service:
  extensions: [healthcheckv2, jaeger_storage, jaeger_query]
  telemetry:
    resource: {service.name: jaeger}
    logs: {level: {{ .Values.logLevel }}, encoding: json}
    metrics:
      level: normal
      readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 8888}}}}]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter]
      exporters: [jaeger_storage_exporter]
{{- end }}
