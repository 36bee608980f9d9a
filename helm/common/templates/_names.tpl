{{/* Names and labels. The argument is the root `.`, or (list $ "part") for a part other than the chart itself. */}}

{{/* The chart's name without the project's prefix, or nameOverride */}}
{{- define "common.name" -}}
{{- .Values.nameOverride | default (trimPrefix "spanloom-" .Chart.Name) }}
{{- end }}

{{/* <release>-<chart>, which other charts of the release can derive; or fullnameOverride */}}
{{- define "common.fullname" -}}
{{- $name := .Values.fullnameOverride | default (printf "%s-%s" .Release.Name (include "common.name" .)) }}
{{- include "common.checkName" $name }}
{{- end }}

{{/* <release>-<part>: (list $ "jaeger") */}}
{{- define "common.named" -}}
{{- include "common.checkName" (printf "%s-%s" ((first .).Values.fullnameOverride | default (first .).Release.Name) (last .)) }}
{{- end }}

{{/* 52 characters: the limit of a CronJob, and what controllers leave of a pod's label (63) */}}
{{- define "common.checkName" -}}
{{- if gt (len .) 52 }}{{ fail (printf "the name %s is longer than 52 characters: choose a shorter release name" .) }}{{ end }}
{{- . }}
{{- end }}

{{- define "common.part" -}}
{{- if kindIs "slice" . }}{{ last . }}{{ else }}{{ include "common.name" . }}{{ end }}
{{- end }}

{{/* Selector labels of the pods of a part */}}
{{- define "common.selector" -}}
{{- $root := . }}{{ if kindIs "slice" . }}{{ $root = first . }}{{ end -}}
{app.kubernetes.io/name: {{ include "common.part" . }}, app.kubernetes.io/instance: {{ $root.Release.Name | quote }}}
{{- end }}

{{/* The version of the umbrella chart's images if it contains this chart, otherwise that of the chart */}}
{{- define "common.appVersion" -}}
{{- .Values.releaseVersion | default .Chart.AppVersion }}
{{- end }}

{{/* Labels of pods: without the chart's version, so that a new chart version alone restarts no pod */}}
{{- define "common.podLabels" -}}
{{- $root := . }}{{ if kindIs "slice" . }}{{ $root = first . }}{{ end -}}
app.kubernetes.io/name: {{ include "common.part" . }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/version: {{ include "common.appVersion" $root | quote }}
app.kubernetes.io/part-of: spanloom
{{- with $root.Values.podLabels }}
{{ tpl (toYaml .) $root }}
{{- end }}
{{- end }}

{{/* Labels of objects */}}
{{- define "common.labels" -}}
{{- $root := . }}{{ if kindIs "slice" . }}{{ $root = first . }}{{ end -}}
app.kubernetes.io/name: {{ include "common.part" . }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/version: {{ include "common.appVersion" $root | quote }}
app.kubernetes.io/part-of: spanloom
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* Annotations of metadata, indented by 2; empty if there are none: (list $ dict…), the first wins */}}
{{- define "common.annotations" -}}
{{- $all := dict }}
{{- range rest . }}{{ $all = merge $all (. | default dict) }}{{ end }}
{{- with $all }}
  annotations: {{- tpl (toYaml .) (first $) | nindent 4 }}
{{- end }}
{{- end }}
