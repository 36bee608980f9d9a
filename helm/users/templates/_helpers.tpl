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

{{/* Which profile the operator takes: of the Deployment's label spanloom.dev/inject */}}
{{- define "users.inject" -}}
{{- $telemetry := .Values.telemetry -}}
{{- if not $telemetry.enabled }}false{{ else if include "users.profile" . }}{{ include "common.fullname" . }}{{ else }}true{{ end }}
{{- end }}

{{/* The spec of the release's own profile: what the values say and where the certificates are; "" when it is empty */}}
{{- define "users.profile" -}}
{{- $telemetry := .Values.telemetry }}
{{- $env := list }}
{{- if $telemetry.caSecret }}{{ $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CERTIFICATE" "value" "/etc/telemetry/ca/ca.crt") }}{{ end }}
{{- if $telemetry.clientSecret }}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" "value" "/etc/telemetry/client/tls.crt") }}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CLIENT_KEY" "value" "/etc/telemetry/client/tls.key") }}
{{- end }}
{{- $spec := deepCopy $telemetry.profile }}
{{- with concat ($spec.env | default list) $env }}{{ $_ := set $spec "env" . }}{{ end }}
{{- with $spec }}{{ tpl (toYaml .) $ }}{{ end }}
{{- end }}
