{{/* CEL conditions of policy.yaml: what the agent brings into a pod, by its shape */}}

{{/* Variables `e` of env that are the operator's to change */}}
{{- define "operator.variable" -}}
(e.name.startsWith('OTEL_') || e.name == 'SPANLOOM_INJECTED' || e.name == 'PYTHONPATH' &&
(e.?value.orValue('') == '/spanloom-agent/agent' || e.?value.orValue('').startsWith('/spanloom-agent/agent:')))
{{- end }}

{{/* The volume `v`; the API server refuses one with two sources */}}
{{- define "operator.agentVolume" -}}
(v.name == 'spanloom-agent' && (v.?image.?pullPolicy.orValue('') == 'IfNotPresent' ||
v.?emptyDir.?sizeLimit.hasValue() && string(v.emptyDir.sizeLimit) == '16Mi' && !v.?emptyDir.?medium.hasValue()))
{{- end }}

{{/* The mount `m`, at its place and without the options of mounts, read-only or not: "true" or "false" */}}
{{- define "operator.agentMount" -}}
(m.name == 'spanloom-agent' && m.mountPath == '/spanloom-agent' && m.?readOnly.orValue(false) == {{ . }} &&
{{- range list "subPath" "subPathExpr" "mountPropagation" "recursiveReadOnly" }} !m.?{{ . }}.hasValue() &&{{ end }} true)
{{- end }}

{{/* The init container `c`, whatever its image and resources */}}
{{- define "operator.agentInitContainer" -}}
(c.name == 'spanloom-agent' && c.?command.orValue([]) == ['/copy', '/agent', '/spanloom-agent/agent'] &&
{{- range list
    "args" "env" "envFrom" "lifecycle" "livenessProbe" "ports" "readinessProbe" "resizePolicy" "restartPolicy"
    "restartPolicyRules" "startupProbe" "stdin" "stdinOnce" "tty" "volumeDevices" "workingDir" }}
!c.?{{ . }}.hasValue() &&
{{- end }}
!c.?resources.?claims.hasValue() &&
c.?volumeMounts.orValue([]).size() == 1 && c.volumeMounts.all(m, {{ include "operator.agentMount" "false" }}) &&
c.?securityContext.?runAsNonRoot.orValue(false) && c.?securityContext.?runAsUser.orValue(0) == 10001 &&
!c.?securityContext.?allowPrivilegeEscalation.orValue(true) &&
c.?securityContext.?readOnlyRootFilesystem.orValue(false) &&
c.?securityContext.?capabilities.?drop.orValue([]) == ['ALL'] && !c.?securityContext.?capabilities.?add.hasValue() &&
{{- range list "appArmorProfile" "privileged" "procMount" "runAsGroup" "seLinuxOptions" "windowsOptions" }}
!c.?securityContext.?{{ . }}.hasValue() &&
{{- end }}
c.?securityContext.?seccompProfile.?type.orValue('') == 'RuntimeDefault')
{{- end }}
