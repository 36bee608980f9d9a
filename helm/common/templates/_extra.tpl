{{/* Extension points: additions by values. Values may be templates. */}}

{{/* The lists under a key of the chart's values and of further scopes, indented: (list $ "extraEnv" 12 scope…) */}}
{{- define "common.extra" -}}
{{- $root := index . 0 }}
{{- $key := index . 1 }}
{{- $all := list }}
{{- range concat (list $root.Values) (slice . 3) }}{{ $all = concat $all (index . $key | default list) }}{{ end }}
{{- with $all }}{{ tpl (toYaml .) $root | nindent (index $ 2 | int) }}{{ end }}
{{- end }}

{{/* Additional objects: maps, or strings that are templates */}}
{{- define "common.extraObjects" -}}
{{- range .Values.extraObjects }}
---
{{ tpl (kindIs "string" . | ternary . (toYaml .)) $ | trim }}
{{- end }}
{{- end }}

{{/* A configuration with that of the values merged over it (lists are replaced): (list TEXT .Values.config) */}}
{{- define "common.mergeConfig" -}}
{{- if last . }}{{ mergeOverwrite (fromYaml (first .)) (last .) | toYaml }}{{ else }}{{ first . }}{{ end }}
{{- end }}

{{/* The ServiceAccount of a part: the existing one if it is set, else one of that name: (list NAME serviceAccount) */}}
{{- define "common.accountName" -}}
{{- (last .).name | default (first .) }}
{{- end }}

{{/* A ServiceAccount without a token, unless an existing one is set: (dict "root" $ "part" PART "name" NAME "of" serviceAccount) */}}
{{- define "common.serviceAccount" -}}
{{- if not .of.name }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels: {{- include "common.labels" (list .root .part) | nindent 4 }}
  {{- include "common.annotations" (list .root .of.annotations) }}
automountServiceAccountToken: false
{{- end }}
{{- end }}
