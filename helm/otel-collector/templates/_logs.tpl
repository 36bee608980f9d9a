{{/* The Collectors that read log files, one on each node */}}

{{- define "otel-collector.logsName" -}}
{{ include "common.checkName" (printf "%s-logs" (include "common.fullname" .)) }}
{{- end }}

{{/* When a pod's lines are left out, as conditions of the filter processor */}}
{{- define "otel-collector.leftOut" -}}
- resource.attributes["spanloom.logs"] == "otlp"
{{- if not .Values.logsCollection.injected }}
{{- $workload := `resource.attributes["spanloom.inject"]` }}
{{- $namespace := `resource.attributes["spanloom.inject.namespace"]` }}
{{- $undecided := `resource.attributes["spanloom.logs"] == nil` }}
{{- $deployed := `resource.attributes["k8s.deployment.name"] != nil` }}
- {{ printf `%s and %s != nil and ConvertCase(%s, "lower") != "false"` $undecided $workload $workload }}
- {{ printf `%s and %s == nil and %s and %s != nil and ConvertCase(%s, "lower") != "false"` $undecided $workload $deployed $namespace $namespace }}
{{- end }}
{{- end }}

{{- define "otel-collector.logsGenerated" -}}
{{- $logs := .Values.logsCollection }}
{{- $tls := .Values.receivers.tls.existingSecret -}}
extensions:
  health_check: {endpoint: ":13133"}
  file_storage:
    directory: /var/lib/otelcol/state
    create_directory: true
    fsync: true
    timeout: 10s
    compaction: {on_start: true, on_rebound: true, cleanup_on_start: true, directory: /var/lib/otelcol/state}
  {{- if .Values.receivers.bearerToken.existingSecret }}
  bearertokenauth: {filename: /etc/otelcol/clients/token}
  {{- end }}
receivers:
  file_log:
    include: [/var/log/pods/*/*/*.log*]  # a rotated file is NAME.log.TIME
    exclude:
      - /var/log/pods/*/*/*.gz
      - /var/log/pods/*/*/*.tmp
      - /var/log/pods/{{ .Release.Namespace }}_{{ include "common.fullname" . }}-*/*/*.log*  # its own lines would never end
      {{- range $logs.excludeNamespaces }}
      - /var/log/pods/{{ . }}_*/*/*.log*
      {{- end }}
    start_at: beginning  # files that appeared while it was not running
    include_file_path: true
    include_file_name: false
    include_file_record_offset: true  # the same for a line that is sent twice
    storage: file_storage
    retry_on_failure: {enabled: true, max_elapsed_time: 0s}  # no limit
    operators:
      - {type: container, add_metadata_from_filepath: true}
      - type: json_parser
        if: body startsWith "{"
        parse_to: attributes.json
        on_error: send_quiet
      - type: trace_parser
        if: attributes.json?.trace_id matches "^[0-9a-f]{32}$" && attributes.json?.span_id matches "^[0-9a-f]{16}$"
        trace_id: {parse_from: attributes.json.trace_id}
        span_id: {parse_from: attributes.json.span_id}
        on_error: send_quiet
      - type: severity_parser
        if: attributes.json?.level != nil
        parse_from: attributes.json.level
        mapping: {fatal: critical}
        on_error: send_quiet
      - {type: remove, field: attributes.json, if: attributes.json != nil}
      - {type: remove, field: 'attributes["log.file.path"]'}
      - {type: remove, field: attributes.logtag, if: attributes.logtag != nil}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}
  k8s_attributes:
    filter: {node: "${env:K8S_NODE_NAME}"}
    wait_for_metadata: true
    extract:
      metadata:
        - k8s.deployment.name
        - k8s.statefulset.name
        - k8s.daemonset.name
        - k8s.cronjob.name
        - k8s.node.name
        - container.image.name
        - container.image.tag
      labels:
        - {tag_name: spanloom.logs, key: spanloom.dev/logs, from: pod}
        {{- if not $logs.injected }}
        - {tag_name: spanloom.inject, key: spanloom.dev/inject, from: deployment}
        - {tag_name: spanloom.inject, key: spanloom.dev/inject, from: statefulset}
        - {tag_name: spanloom.inject, key: spanloom.dev/inject, from: daemonset}
        - {tag_name: spanloom.inject.namespace, key: spanloom.dev/inject, from: namespace}
        {{- end }}
    pod_association:
      - sources: [{from: resource_attribute, name: k8s.pod.uid}]
  filter:
    error_mode: propagate
    log_conditions: {{- include "otel-collector.leftOut" . | nindent 6 }}
  resource:
    attributes:  # the first that exists becomes service.name
      - {key: service.name, from_attribute: k8s.deployment.name, action: insert}
      - {key: service.name, from_attribute: k8s.statefulset.name, action: insert}
      - {key: service.name, from_attribute: k8s.daemonset.name, action: insert}
      - {key: service.name, from_attribute: k8s.cronjob.name, action: insert}
      - {key: service.name, from_attribute: k8s.container.name, action: insert}
      - {key: spanloom.logs, action: delete}
      - {key: spanloom.inject, action: delete}
      - {key: spanloom.inject.namespace, action: delete}
exporters:
  otlp_http:
    endpoint: {{ empty $tls | ternary "http" "https" }}://{{ include "common.fullname" . }}:4318
    {{- if $tls }}
    tls: {ca_file: /etc/otelcol/tls/ca.crt}
    {{- end }}
    {{- if .Values.receivers.bearerToken.existingSecret }}
    auth: {authenticator: bearertokenauth}
    {{- end }}
    sending_queue:
      storage: file_storage
      sizer: bytes
      queue_size: {{ int64 $logs.queueBytes }}
      block_on_overflow: true
      batch: {sizer: items, flush_timeout: 200ms, min_size: 1024, max_size: 8192}
    retry_on_failure: {max_elapsed_time: 0s}  # no limit
service:
  extensions:
    - health_check
    - file_storage
    {{- if .Values.receivers.bearerToken.existingSecret }}
    - bearertokenauth
    {{- end }}
  telemetry:
    resource: {attributes: [{name: service.name, value: otel-collector-logs}]}
    logs: {level: {{ .Values.logLevel }}, encoding: json}
    metrics:
      level: normal
      readers: [{pull: {exporter: {prometheus: {host: "", port: 8888}}}}]
  pipelines:
    logs:
      receivers: [file_log]
      processors: [memory_limiter, k8s_attributes, filter, resource]
      exporters: [otlp_http]
{{- end }}

{{- define "otel-collector.logsConfig" -}}
{{- include "common.mergeConfig" (list (include "otel-collector.logsGenerated" .) .Values.logsCollection.config) }}
{{- end }}
