{{/* Names and labels: what belongs to the gateways, the store and each server of models. */}}

{{- define "ors.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "ors.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- end }}

{{/* (list root component): a component is gateway, store, or the name of a server of models. */}}
{{- define "ors.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list root overrides): overrides of `image`, which servers of models may have. */}}
{{- define "ors.image" -}}
{{- $root := index . 0 }}
{{- $image := mergeOverwrite (deepCopy $root.Values.image) (index . 1) }}
{{- if not $image.repository }}
{{- fail "image.repository is not set, and nobody publishes an image: build yours (docs/operations.md, \"Docker\"), push it where the cluster can pull it, and name it" }}
{{- end }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}
{{- else }}{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "ors.secretName" -}}
{{- if not .Values.secrets.name }}
{{- fail "secrets.name is not set: make a Secret (kubectl create secret generic voice --from-literal=api-keys=$(openssl rand -hex 16) --from-literal=secret=$(openssl rand -hex 32)), and name it" }}
{{- end }}
{{- .Values.secrets.name }}
{{- end }}

{{/* (list root variable key): a variable from the Secret. */}}
{{- define "ors.fromSecret" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "ors.secretName" (index . 0) }}
      key: {{ index . 2 }}
{{- end }}
