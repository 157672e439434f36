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

{{/* (list variables refusals own): ends where variables, each with its `name` and `where` it stands, are the chart's, or twice: the last one of a name would hold, silently. Refusals are of settings. */}}
{{- define "ors.checkVariables" -}}
{{- $decided := dict }}
{{- range index . 2 }}
  {{- $_ := set $decided (upper .name) "the chart sets it" }}
{{- end }}
{{- range $path, $remedy := index . 1 }}
  {{- $group := printf "REALTIME_%s" (splitList "." $path | first | upper) }}
  {{- $_ := set $decided $group (printf "settings of it are the chart's; name each by itself, as %s__…" $group) }}
  {{- $_ := set $decided (printf "REALTIME_%s" (replace "." "__" $path | upper)) $remedy }}
  {{- if eq $path "server.api_keys" }}
    {{- $_ := set $decided "REALTIME_API_KEYS" $remedy }}
  {{- end }}
{{- end }}
{{- $seen := dict }}
{{- range index . 0 }}
  {{- $name := upper .name }}
  {{- if hasKey $decided $name }}
    {{- fail (printf "%s: %s" .where (get $decided $name)) }}
  {{- end }}
  {{- if hasKey $seen $name }}
    {{- fail (printf "%s: it is there twice (%s)" .where (get $seen $name)) }}
  {{- end }}
  {{- $_ := set $seen $name .where }}
{{- end }}
{{- end }}

{{/* (list name value): "true" where a name is that of a secret and there is a value. So much "per key" is a number: any other text there is a secret like others. */}}
{{- define "ors.isSecret" -}}
{{- $name := index . 0 }}
{{- if and (index . 1) (regexMatch "(?i)(^|_)(keys?|token|secret|password)$" $name) (not (and (regexMatch "(?i)(^|_)per_(keys?|token|secret|password)$" $name) (regexMatch "^[0-9]+([.][0-9]+)?$" (toString (index . 1))))) -}}
true
{{- end }}
{{- end }}

{{/* (list settings refusals where variable): `variable` is how those of the settings begin. Ends where settings say what the chart decides, and where secrets lie open. */}}
{{- define "ors.checkSettings" -}}
{{- $settings := index . 0 }}
{{- $variable := index . 3 }}
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
      {{- fail (printf "%s.%s.api_key: %s %s%s__API_KEY" (index $ 2) $name $open $variable (upper $name)) }}
    {{- end }}
    {{- range $option, $value := (get $table "options" | default dict) }}
      {{- if include "ors.isSecret" (list $option $value) }}
        {{- fail (printf "%s.%s.options.%s: %s %s%s__OPTIONS, in JSON" (index $ 2) $name $option $open $variable (upper $name)) }}
      {{- end }}
    {{- end }}
    {{- if eq $name "mcp" }}
      {{- range $label, $server := (get $table "servers" | default dict) }}
        {{- range $secret := list "authorization" "headers" "env" }}
          {{- if get $server $secret }}
            {{- fail (printf "%s.mcp.servers.%s.%s: %s %sMCP__SERVERS__%s__%s" (index $ 2) $label $secret $open $variable (upper $label) (upper $secret)) }}
          {{- end }}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- if eq $name "stacks" }}
      {{- range $stack, $stages := $table }}
        {{- include "ors.checkSettings" (list $stages dict (printf "%s.stacks.%s" (index $ 2) $stack) (printf "%sSTACKS__%s__" $variable (upper $stack))) }}
      {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
