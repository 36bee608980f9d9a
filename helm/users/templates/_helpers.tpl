{{/* Database settings of users-db-service and its migration */}}
{{- define "users.database" -}}
{{- $database := .Values.database }}
{{- $tls := printf "?sslmode=%s" $database.sslmode }}
{{- if $database.caSecret }}{{ $tls = printf "%s&sslrootcert=/etc/database/ca/ca.crt" $tls }}{{ end -}}
- name: USERS_DB_DATABASE_URL
  value: "postgresql://{{ $database.username }}@{{ tpl $database.host $ }}:{{ $database.port }}/{{ $database.name }}{{ $tls }}"
- {name: USERS_DB_DATABASE_PASSWORD_FILE, value: /etc/database/auth/password}
{{- end }}

{{- define "users.database.mounts" -}}
- {name: database, mountPath: /etc/database/auth, readOnly: true}
{{- with .Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/database/ca, readOnly: true}
{{- end }}
{{- end }}

{{/* The value of the Deployment's label spanloom.dev/inject, which selects a profile */}}
{{- define "users.inject" -}}
{{- $telemetry := .Values.telemetry -}}
{{- if not $telemetry.enabled -}}
false
{{- else if include "users.profile" . -}}
{{ include "users.profileName" . }}
{{- else -}}
true
{{- end }}
{{- end }}

{{/* The spec of the release's own profile; "" when it is empty. A section replaces the default profile's as a whole, so
     the files of the certificates are named where the profile names the exporter. */}}
{{- define "users.profile" -}}
{{- $telemetry := .Values.telemetry }}
{{- $spec := deepCopy $telemetry.profile }}
{{- $tls := dict }}
{{- if $telemetry.caSecret }}{{ $_ := set $tls "ca_file" "/etc/telemetry/ca/ca.crt" }}{{ end }}
{{- if $telemetry.clientSecret }}
{{- $_ := set $tls "cert_file" "/etc/telemetry/client/tls.crt" }}
{{- $_ := set $tls "key_file" "/etc/telemetry/client/tls.key" }}
{{- end }}
{{- if and $tls $spec.exporter }}{{ $_ := set $spec.exporter "tls" (merge ($spec.exporter.tls | default dict) $tls) }}{{ end }}
{{- with $spec }}{{ tpl (toYaml .) $ }}{{ end }}
{{- end }}

{{- define "users.profileName" -}}
{{- include "common.named" (list . (include "common.name" .)) }}
{{- end }}
