{{/* What all pods of the server's image have in common: rights, folders, keys. */}}

{{/* As Pod Security's level "restricted" wants it. */}}
{{- define "ors.podRights" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ors.containerRights" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "ors.volumeMounts" -}}
- {name: cache, mountPath: /var/cache/open-realtime-server}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "ors.volumes" -}}
- name: cache
  {{- if .Values.cache.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.cache.existingClaim }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .Values.cache.sizeLimit }}}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- define "ors.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "ors.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "ors.selector" $ | nindent 6 }}
  # Each version by itself: pods that drain do not push new ones away.
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* (list root key): the keys that a server takes, Prometheus' among them where it asks. */}}
{{- define "ors.keys" -}}
{{- $root := index . 0 }}
{{- if $root.Values.serviceMonitor.enabled }}
{{- include "ors.fromSecret" (list $root "METRICS_KEY" $root.Values.secrets.metricsKey) }}
{{ include "ors.fromSecret" (list $root "CLIENT_KEYS" (index . 1)) }}
- {name: REALTIME_API_KEYS, value: "$(CLIENT_KEYS),$(METRICS_KEY)"}
{{- else }}
{{- include "ors.fromSecret" (list $root "REALTIME_API_KEYS" (index . 1)) }}
{{- end }}
{{- end }}

{{/* A pause in seconds: the probes, and that pause, in which balancers hear of the end. */}}
{{- define "ors.life" -}}
# Whoever fails to get that far, or hangs, is started again; models may take as long as they want.
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
{{- if . }}
lifecycle:
  preStop:
    exec: {command: [sleep, {{ . | quote }}]}
{{- end }}
{{- end }}

{{/* (list settings refusals where): ends where settings say what the chart decides, and where secrets lie open. */}}
{{- define "ors.checkSettings" -}}
{{- $settings := index . 0 }}
{{- range $path, $remedy := index . 1 }}
  {{- $part := splitList "." $path }}
  {{- $table := get $settings (first $part) | default dict }}
  {{- if and (hasKey $table (last $part)) (not (kindIs "invalid" (get $table (last $part)))) }}
    {{- fail (printf "%s.%s: %s" (index $ 2) $path $remedy) }}
  {{- end }}
{{- end }}
{{- $open := "it would lie open in a ConfigMap; name its key in the Secret by secrets.env (a server of models: secretEnv), as" }}
{{- range $name, $table := $settings }}
  {{- if kindIs "map" $table }}
    {{- if get $table "api_key" }}
      {{- fail (printf "%s.%s.api_key: %s REALTIME_%s__API_KEY" (index $ 2) $name $open (upper $name)) }}
    {{- end }}
    {{- range $option, $value := (get $table "options" | default dict) }}
      {{- if regexMatch "(?i)(^|_)(key|token|secret|password)$" $option }}
        {{- fail (printf "%s.%s.options.%s: %s REALTIME_%s__OPTIONS, in JSON" (index $ 2) $name $option $open (upper $name)) }}
      {{- end }}
    {{- end }}
    {{- if eq $name "mcp" }}
      {{- range $label, $server := (get $table "servers" | default dict) }}
        {{- range $secret := list "authorization" "headers" "env" }}
          {{- if get $server $secret }}
            {{- fail (printf "%s.mcp.servers.%s.%s: %s REALTIME_MCP__SERVERS__%s__%s" (index $ 2) $label $secret $open (upper $label) (upper $secret)) }}
          {{- end }}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- if eq $name "stacks" }}
      {{- range $stack, $stages := $table }}
        {{- include "ors.checkSettings" (list $stages dict (printf "%s.stacks.%s" (index $ 2) $stack)) }}
      {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
