{{/* What contradicts in users.database and postgres, as a YAML list: $ of the umbrella. A host or Secret that belongs to
     neither, such as a connection pool or a Secret without the superuser's password, is the user's choice. */}}
{{- define "spanloom.databaseProblems" -}}
{{- $problems := list }}
{{- $postgres := .Subcharts.postgres }}
{{- $users := .Values.users.database }}
{{- $server := include "postgres.client" $postgres | fromYaml }}
{{- $mode := printf "postgres.mode=%s" $postgres.Values.mode }}
{{- $name := include "common.fullname" $postgres }}
{{- $default := printf "%s-postgres" .Release.Name }}
{{- $host := tpl $users.host . }}
{{- $secret := tpl $users.existingSecret . }}

{{- if and (ne $host $server.host) (has $host (list $default $name (printf "%s-rw" $name))) }}
{{- $problems = append $problems (printf "users.database.host is %s, which %s does not create: set users.database.host=%s" $host $mode $server.host) }}
{{- end }}
{{- if and (ne $secret $server.secret) (has $secret (list $default $name (printf "%s-app" $name))) }}
{{- $problems = append $problems (printf "users.database.existingSecret is %s, but the password is in %s: set users.database.existingSecret=%s"
      $secret $server.secret $server.secret) }}
{{- end }}
{{- if eq $host $server.host }}
{{- range $key, $value := dict "port" $server.port "name" $postgres.Values.database "username" $postgres.Values.username }}
{{- if ne (toString (index $users $key)) (toString $value) }}
{{- $problems = append $problems (printf "users.database.%s is %v, but the database of this release has %v: set users.database.%s=%v"
      $key (index $users $key) $value $key $value) }}
{{- end }}
{{- end }}
{{- if and (eq $users.sslmode "disable") (ne $server.sslmode "disable") }}
{{- $problems = append $problems (printf "users.database.sslmode is disable, but the database has TLS with %s: set users.database.sslmode=%s%s"
      $mode $server.sslmode (hasPrefix "verify" $server.sslmode | ternary (printf ",users.database.caSecret=%s" ($server.ca | default "CA")) "")) }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{/* Whether a host is outside of the release's namespace: an address, or a name of another namespace or domain */}}
{{- define "spanloom.isOutside" -}}
{{- $host := first . }}
{{- $namespace := last . }}
{{- if not (regexMatch (printf `^(127\.[0-9.]+|::1|[^.:]+(\.%s(\.svc(\..*)?)?)?)$` $namespace) $host) }}true{{ end }}
{{- end }}
