{{/* The gateways' variables: every setting that the chart decides, in one place. */}}

{{- define "ors.refusedSettings" -}}
server.host: "the chart sets it"
server.port: "the chart sets it; service.port is that of the Service"
server.workers: "a pod has one process; set replicas, and sessionsPerPod"
server.api_keys: "they belong in the Secret, under secrets.apiKeys"
server.secret: "it belongs in the Secret, under secrets.secret"
server.replica: "the chart sets it, to the pod's name or address"
server.replica_url: "the chart sets it where there are calls"
server.drain_s: "set drain.seconds; the pod's grace period follows from it"
server.shutdown_grace_s: "set drain.answersSeconds; the pod's grace period follows from it"
server.resume_s: "set store.resumeSeconds"
limits.sessions: "set sessionsPerPod"
limits.store: "set store.kind; the URL belongs in the Secret"
webrtc.udp_port: "set calls.udpPort"
webrtc.public_hosts: "set calls.publicHosts"
{{- range $pool, $server := .Values.modelServers }}
{{- range $server.serves }}
{{ . }}.provider: "the server of models {{ $pool }} is called for it (modelServers.{{ $pool }}.serves)"
{{ . }}.api_base: "the server of models {{ $pool }} is called for it; set modelServers.{{ $pool }}.url for a balancer before it"
{{- end }}
{{- end }}
{{- end }}

{{- define "ors.storeUrl" -}}
{{- if eq .Values.store.kind "external" }}
{{- include "ors.fromSecret" (list . "REALTIME_LIMITS__STORE" .Values.secrets.storeUrl) }}
{{- else }}
{{- include "ors.fromSecret" (list . "STORE_PASSWORD" .Values.secrets.storePassword) }}
- {name: REALTIME_LIMITS__STORE, value: "redis://:$(STORE_PASSWORD)@{{ include "ors.name" . }}-store:6379/0"}
{{- end }}
{{- end }}

{{/* What the chart says, without what users add. */}}
{{- define "ors.ownEnv" -}}
{{ include "ors.keys" (list . .Values.secrets.apiKeys) }}
{{ include "ors.fromSecret" (list . "REALTIME_SERVER__SECRET" .Values.secrets.secret) }}
- {name: REALTIME_SERVER__HOST, value: "0.0.0.0"}
- {name: REALTIME_SERVER__PORT, value: "8000"}
{{- if .Values.calls.enabled }}
# Hang-ups and sidebands of a call come to any pod, which asks the one that has it by its address.
- {name: REALTIME_SERVER__REPLICA, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: REALTIME_SERVER__REPLICA_URL, value: "http://{replica}:8000"}
- {name: REALTIME_WEBRTC__UDP_PORT, value: {{ .Values.calls.udpPort | quote }}}
{{- if .Values.calls.publicHosts }}
- {name: REALTIME_WEBRTC__PUBLIC_HOSTS, value: {{ join "," .Values.calls.publicHosts | quote }}}
{{- else }}
- {name: REALTIME_WEBRTC__PUBLIC_HOSTS, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
{{- end }}
{{- else }}
- {name: REALTIME_SERVER__REPLICA, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- end }}
- {name: REALTIME_SERVER__DRAIN_S, value: {{ .Values.drain.seconds | quote }}}
- {name: REALTIME_SERVER__SHUTDOWN_GRACE_S, value: {{ .Values.drain.answersSeconds | quote }}}
- {name: REALTIME_LIMITS__SESSIONS, value: {{ .Values.sessionsPerPod | quote }}}
{{- if ne .Values.store.kind "none" }}
{{ include "ors.storeUrl" . }}
{{- if .Values.store.resumeSeconds }}
- {name: REALTIME_SERVER__RESUME_S, value: {{ .Values.store.resumeSeconds | quote }}}
{{- end }}
{{- else if .Values.store.resumeSeconds }}
{{- fail "store.resumeSeconds: conversations are kept in a store; set store.kind" }}
{{- end }}
{{- range $pool, $server := .Values.modelServers }}
{{- $url := $server.url | default (printf "http://%s-%s:8001" (include "ors.name" $) $pool) }}
{{- range $server.serves }}
{{ include "ors.fromSecret" (list $ (printf "REALTIME_%s__API_KEY" (upper .)) $.Values.secrets.modelsKey) }}
- {name: REALTIME_{{ upper . }}__PROVIDER, value: openai}
- {name: REALTIME_{{ upper . }}__API_BASE, value: {{ printf "%s/v1" (trimSuffix "/" $url) | quote }}}
{{- end }}
{{- end }}
{{- with .Values.profile }}
- {name: REALTIME_PROFILE, value: {{ . | quote }}}
{{- end }}
{{- $settings := .Values.settings | default dict }}
{{- if hasKey ($settings.server | default dict) "log_json" }}
# The image sets the variable, which is before the file.
- {name: REALTIME_SERVER__LOG_JSON, value: {{ $settings.server.log_json | quote }}}
{{- end }}
{{- if .Values.settings }}
- {name: REALTIME_CONFIG, value: /etc/open-realtime-server/settings.toml}
{{- end }}
{{- with .Values.trustedProxies }}
- {name: FORWARDED_ALLOW_IPS, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "ors.gatewayEnv" -}}
{{- $own := include "ors.ownEnv" . }}
{{- $added := list }}
{{- range $variable, $key := .Values.secrets.env }}
{{- if $key }}
{{- $added = append $added (dict "name" $variable "where" (printf "secrets.env.%s" $variable)) }}
{{- end }}
{{- end }}
{{- range .Values.env }}
{{- $added = append $added (dict "name" .name "where" (printf "env, %s" .name)) }}
{{- end }}
{{- include "ors.checkVariables" (list $added (include "ors.refusedSettings" . | fromYaml) (fromYamlArray $own)) }}
{{- range .Values.env }}
{{- if and (kindIs "string" .value) (not (contains "$(" .value)) (include "ors.isSecret" (list .name .value)) }}
{{- fail (printf "env, %s: it would lie open in the Deployment; name its key in the Secret by secrets.env.%s" .name .name) }}
{{- end }}
{{- end }}
{{- $own }}
{{- range $variable, $key := .Values.secrets.env }}
{{- if $key }}
{{ include "ors.fromSecret" (list $ $variable $key) }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
