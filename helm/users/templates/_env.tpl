{{/* The database for users-db-service and its migration */}}
{{- define "users.database" -}}
{{- $database := .Values.database }}
{{- $tls := printf "?sslmode=%s" $database.sslmode }}
{{- if $database.caSecret }}{{ $tls = printf "%s&sslrootcert=/etc/database/ca/ca.crt" $tls }}{{ end -}}
- {name: USERS_DB_DATABASE_URL, value: "postgresql://{{ $database.username }}@{{ tpl $database.host $ }}:{{ $database.port }}/{{ $database.name }}{{ $tls }}"}
- {name: USERS_DB_DATABASE_PASSWORD_FILE, value: /etc/database/auth/password}
{{- end }}

{{- define "users.database.mounts" -}}
- {name: database, mountPath: /etc/database/auth, readOnly: true}
{{- with .Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/database/ca, readOnly: true}
{{- end }}
{{- end }}

{{/* Names and meanings are those of the operator's injection: (list $ "users-api" $service) */}}
{{- define "users.telemetry" -}}
{{- $root := first . }}{{ $name := index . 1 }}{{ $image := (last .).image }}
{{- $attributes := list
  (printf "k8s.namespace.name=%s" $root.Release.Namespace)
  (printf "k8s.deployment.name=%s" (include "common.named" (list $root $name)))
  (printf "k8s.container.name=%s" $name)
  "k8s.pod.name=$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)"
  "k8s.pod.uid=$(OTEL_RESOURCE_ATTRIBUTES_POD_UID)"
  "k8s.node.name=$(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME)"
  (printf "service.instance.id=%s.$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME).%s" $root.Release.Namespace $name)
  (printf "service.namespace=%s" $root.Release.Namespace)
  (printf "service.version=%s" ($image.tag | default $root.Chart.AppVersion)) }}
{{- $telemetry := $root.Values.telemetry }}
{{- range $key, $value := $telemetry.resourceAttributes }}{{ $attributes = append $attributes (printf "%s=%s" $key $value) }}{{ end -}}
- {name: OTEL_PYTHON_DISTRO, value: spanloom}
- {name: OTEL_SERVICE_NAME, value: {{ $name }}}
{{- if $telemetry.endpoint }}
- {name: OTEL_RESOURCE_ATTRIBUTES_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: OTEL_RESOURCE_ATTRIBUTES_POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
- {name: OTEL_RESOURCE_ATTRIBUTES_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ tpl $telemetry.endpoint $root | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: http/protobuf}
{{- $headers := $telemetry.headersSecret }}
{{- if $headers.name }}
- {name: OTEL_EXPORTER_OTLP_HEADERS, valueFrom: {secretKeyRef: {name: {{ $headers.name }}, key: {{ $headers.key }}}}}
{{- end }}
{{- if $telemetry.caSecret }}
- {name: OTEL_EXPORTER_OTLP_CERTIFICATE, value: /etc/telemetry/ca/ca.crt}
{{- end }}
{{- if $telemetry.clientSecret }}
- {name: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, value: /etc/telemetry/client/tls.crt}
- {name: OTEL_EXPORTER_OTLP_CLIENT_KEY, value: /etc/telemetry/client/tls.key}
{{- end }}
- {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ join "," $attributes | quote }}}
- {name: SPANLOOM_FLUSH_TIMEOUT, value: "30"}  # seconds: what the grace period leaves for an absent Collector
{{- else }}
- {name: OTEL_SDK_DISABLED, value: "true"}
{{- end }}
{{- end }}
