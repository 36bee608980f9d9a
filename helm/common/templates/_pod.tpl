{{/* Images, security contexts and common fields of pods */}}

{{/* [registry/]repository:tag, or @digest: (list $ .Values.image) */}}
{{- define "common.image" -}}
{{- $image := last . }}
{{- include "common.imageName" (list (first .) $image.registry $image.repository) }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (include "common.appVersion" (first .)) }}{{ end }}
{{- end }}

{{/* [registry/]name; global.imageRegistry replaces a registry, also at the beginning of the name: (list $ REGISTRY NAME) */}}
{{- define "common.imageName" -}}
{{- $registry := index . 1 }}
{{- $name := last . }}
{{- with ((first .).Values.global | default dict).imageRegistry }}
{{- $registry = . }}
{{- $name = regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $name "" }}
{{- end }}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $name }}
{{- end }}

{{/* Pod Security "restricted" with a user id: (list $ 10001). On OpenShift the platform assigns the ids. */}}
{{- define "common.podSecurityContext" -}}
{{- $user := last . }}
{{- if ((first .).Values.global | default dict).openshift -}}
{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
{{- else -}}
{{- $numbers := printf "runAsUser: %v, runAsGroup: %v, fsGroup: %v, fsGroupChangePolicy: OnRootMismatch" $user $user $user -}}
{runAsNonRoot: true, {{ $numbers }}, seccompProfile: {type: RuntimeDefault}}
{{- end }}
{{- end }}

{{- define "common.securityContext" -}}
{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* Names of pull secrets, of `pod` and of global.imagePullSecrets (names, or {name: …}) */}}
{{- define "common.pullSecrets" -}}
{{- $names := list }}
{{- range concat (.Values.pod.imagePullSecrets | default list) ((.Values.global | default dict).imagePullSecrets | default list) }}
{{- if kindIs "string" . }}{{ $names = append $names . }}{{ else }}{{ $names = append $names .name }}{{ end }}
{{- end }}
{{- range uniq $names }}
- name: {{ . }}
{{- end }}
{{- end }}

{{/* The first fields of every pod's spec: (dict "root" $ "account" NAME "user" 10001 "token" true) */}}
{{- define "common.pod" -}}
{{- with .account -}}
serviceAccountName: {{ . }}
{{ end -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext: {{ include "common.podSecurityContext" (list .root .user) }}
{{- with include "common.pullSecrets" .root }}
imagePullSecrets: {{- . }}
{{- end }}
{{- with omit .root.Values.pod "imagePullSecrets" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of a pod template: (dict "root" $ "part" NAME "annotations" dict); podAnnotations take precedence */}}
{{- define "common.podMetadata" -}}
labels: {{- include "common.podLabels" (list .root .part) | nindent 2 }}
{{- with merge (dict) (.root.Values.podAnnotations | default dict) (.annotations | default dict) }}
annotations: {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- end }}

{{/* Egress rule for the cluster's DNS or its cache on the node; OpenShift uses another namespace and port */}}
{{- define "common.dns" -}}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}, {ipBlock: {cidr: 169.254.20.10/32}}]
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- if (.Values.global | default dict).openshift }}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: openshift-dns}}}]
  ports: [{protocol: UDP, port: 5353}, {protocol: TCP, port: 5353}]
{{- end }}
{{- end }}

{{/* Bytes of a quantity such as 512Mi */}}
{{- define "common.bytes" -}}
{{- $number := regexFind "^[0-9.]+" . }}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- mulf (float64 $number) (get $units (trimPrefix $number .)) | int64 }}
{{- end }}

{{/* GOMEMLIMIT, 80 % of the memory limit: Go collects garbage before it reaches the limit. extraEnv takes precedence. */}}
{{- define "common.goMemoryLimit" -}}
{{- $set := false }}
{{- range .Values.extraEnv }}{{ if eq .name "GOMEMLIMIT" }}{{ $set = true }}{{ end }}{{ end }}
{{- $limit := (.Values.resources.limits | default dict).memory }}
{{- if and $limit (not $set) }}
{{- $bytes := include "common.bytes" $limit | mulf 0.8 | int64 | toString }}
{{- printf "- {name: GOMEMLIMIT, value: %q}" $bytes | nindent 12 }}
{{- end }}
{{- end }}
