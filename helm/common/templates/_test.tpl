{{/* A pod of `helm test` up to its containers: (dict "root" $ "part" "jaeger-test" "account" NAME "user" 10001)
     It stays after success, so that `helm test --logs` finds it; the next test replaces it. */}}
{{- define "common.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "common.fullname" .root }}-test
  labels:
    {{- include "common.labels" (list .root .part) | nindent 4 }}
    {{- with .root.Values.podLabels }}
    {{- tpl (toYaml .) $.root | nindent 4 }}
    {{- end }}
  {{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation" }}
  {{- include "common.annotations" (list .root $hook .root.Values.podAnnotations) }}
spec:
  restartPolicy: Never
  {{- include "common.pod" . | nindent 2 }}
{{- end }}
