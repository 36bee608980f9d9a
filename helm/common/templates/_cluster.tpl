{{/* Checks against objects of the cluster, which `helm template` does not see. Test: tests/e2e/test_charts.py */}}

{{/* Whether there is a cluster: a list that is looked up has `items`, also if it is empty. Helm itself has to be
     allowed to list Secrets, where it keeps its releases. */}}
{{- define "common.hasCluster" -}}
{{- if hasKey (lookup "v1" "Secret" .Release.Namespace "") "items" }}true{{ end }}
{{- end }}

{{/* Refuse a change that a StatefulSet does not allow: (dict "root" $ "name" NAME "volume" .Values.volume) */}}
{{- define "common.checkVolume" -}}
{{- $volume := .volume }}
{{- $set := lookup "apps/v1" "StatefulSet" .root.Release.Namespace .name | default dict }}
{{- range dig "spec" "volumeClaimTemplates" list $set }}
{{- $size := .spec.resources.requests.storage }}
{{- if ne (include "common.bytes" $size) (include "common.bytes" $volume.size) }}
{{- $command := printf "kubectl -n %s delete statefulset %s --cascade=orphan" $.root.Release.Namespace $.name }}
{{- fail (join " " (list
      (printf "volume.size %s: the volumes of StatefulSet %s have %s, and Kubernetes does not allow a StatefulSet to change that." $volume.size $.name $size)
      (printf "To enlarge them: set spec.resources.requests.storage of each PersistentVolumeClaim %s-%s-N" .metadata.name $.name)
      (printf "(its StorageClass must allow it), then `%s`, then upgrade" $command))) }}
{{- end }}
{{- end }}
{{- end }}
