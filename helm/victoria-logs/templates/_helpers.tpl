{{- define "victoria-logs.scheme" -}}
{{ empty .Values.tls.existingSecret | ternary "http" "https" }}
{{- end }}

{{- define "victoria-logs.url" -}}
{{ include "victoria-logs.scheme" . }}://{{ include "common.fullname" . }}:9428
{{- end }}

{{/* With less room, VictoriaLogs refuses records (429), which the Collector repeats. With none, it exits. */}}
{{- define "victoria-logs.minFreeBytes" -}}
{{ include "common.bytes" .Values.volume.size | mulf 0.02 | int64 }}
{{- end }}

{{/* The rest of the volume is for merging parts, and for the days that are never deleted */}}
{{- define "victoria-logs.maxBytes" -}}
{{ include "common.bytes" .Values.volume.size | mulf 0.8 | int64 }}
{{- end }}
