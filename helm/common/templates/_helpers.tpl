{{/* <release>-<chart>, so that one chart of a release knows what another is called. Controllers add 11 characters to pod labels. */}}
{{- define "common.fullname" -}}
{{- include "common.named" (list . .Chart.Name) }}
{{- end }}

{{/* <release>-<part>: (list $ "jaeger") */}}
{{- define "common.named" -}}
{{- $name := printf "%s-%s" (first .).Release.Name (last .) }}
{{- if gt (len $name) 52 }}{{ fail (printf "the name %s is longer than 52 characters: choose a shorter release name" $name) }}{{ end }}
{{- $name }}
{{- end }}

{{/* What selects the pods of a part: (list $ "jaeger") */}}
{{- define "common.selector" -}}
{app.kubernetes.io/name: {{ last . }}, app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}}
{{- end }}

{{/* Of pods: without the chart's version, so that a new chart alone restarts nothing */}}
{{- define "common.podLabels" -}}
app.kubernetes.io/name: {{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/part-of: spanloom
{{- end }}

{{- define "common.labels" -}}
{{ include "common.podLabels" . }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ (first .).Chart.Name }}-{{ (first .).Chart.Version }}
{{- end }}

{{/* repository:tag, or repository@digest when one is given: (list $ .Values.image) */}}
{{- define "common.image" -}}
{{- with last . }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default (first $).Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{/* Pod Security "restricted", with a user by number */}}
{{- define "common.podSecurityContext" -}}
{runAsNonRoot: true, runAsUser: {{ . }}, runAsGroup: {{ . }}, fsGroup: {{ . }}, fsGroupChangePolicy: OnRootMismatch, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{- define "common.securityContext" -}}
{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* An egress rule: the cluster's DNS, or its cache on the node */}}
{{- define "common.dns" -}}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}, {ipBlock: {cidr: 169.254.20.10/32}}]
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}
