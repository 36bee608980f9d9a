{{- define "postgres.secret" -}}
{{- .Values.existingSecret | default (include "common.fullname" .) }}
{{- end }}

{{/* The connection settings of a client, as environment variables of libpq */}}
{{- define "postgres.client" -}}
{{- $name := include "common.fullname" . -}}
{{- if eq .Values.mode "bundled" -}}
host: {{ $name }}
port: 5432
sslmode: {{ empty .Values.tls.existingSecret | ternary "disable" "verify-full" }}
secret: {{ include "postgres.secret" . }}
ca: {{ .Values.tls.existingSecret | quote }}
{{- else if eq .Values.mode "external" -}}
host: {{ .Values.external.host }}
port: {{ .Values.external.port }}
sslmode: {{ .Values.external.sslmode }}
secret: {{ .Values.existingSecret }}
ca: {{ .Values.external.caSecret | quote }}
{{- else -}}
host: {{ $name }}-rw
port: 5432
sslmode: verify-full
secret: {{ $name }}-app
ca: {{ $name }}-ca
{{- end }}
{{- end }}
