{{/* Checks against objects of the cluster, which `helm template` does not see. Test: tests/e2e/test_charts.py */}}

{{/* The retention of Cassandra's tables: KEYSPACE/DAYS */}}
{{- define "jaeger.cassandraTtl" -}}
{{ .Values.storage.database }}/{{ .Values.storage.retentionDays }}
{{- end }}

{{/* Refuse a changed retention of existing tables: Jaeger sets it when it creates them */}}
{{- define "jaeger.checkRetention" -}}
{{- $name := include "common.fullname" . }}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace $name | default dict }}
{{- $was := dig "metadata" "annotations" "spanloom.dev/cassandra-ttl" "" $deployment }}
{{- $now := include "jaeger.cassandraTtl" . }}
{{- if and $was (eq .Values.storage.type "cassandra") (ne $was $now) (eq (dir $was) (dir $now)) }}
{{- $command := printf "kubectl -n %s annotate deployment %s spanloom.dev/cassandra-ttl=%s --overwrite" .Release.Namespace $name $now }}
{{- $days := .Values.storage.retentionDays }}
{{- fail (join " " (list
      (printf "storage.retentionDays %v: the tables of keyspace %s were created with %s days," $days (dir $was) (base $was))
      "and Jaeger does not change tables. Choose another storage.database, or"
      (printf "run ALTER TABLE … WITH default_time_to_live for each table, then: %s" $command))) }}
{{- end }}
{{- end }}
