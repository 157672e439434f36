{{/* Settings as TOML. Helm's own `toToml` makes 8 to 8.0 and 1000000 to 1e+06, which not every service behind a setting takes. What is null is left out: so a file of values takes back what another one said. */}}

{{- define "ors.toml" -}}
{{- range $name, $value := . }}
{{- if kindIs "map" $value }}
[{{ $name | toRawJson }}]
{{- range $key, $inner := $value }}
{{- if not (kindIs "invalid" $inner) }}
{{ $key | toRawJson }} = {{ include "ors.tomlValue" $inner }}
{{- end }}
{{- end }}
{{- end }}
{{ end }}
{{- end }}

{{- define "ors.tomlValue" -}}
{{- if kindIs "map" . -}}
{ {{- $comma := "" }}{{ range $key, $inner := . }}{{ if not (kindIs "invalid" $inner) }}{{ $comma }}{{ $key | toRawJson }} = {{ include "ors.tomlValue" $inner }}{{ $comma = ", " }}{{ end }}{{ end -}} }
{{- else if kindIs "slice" . -}}
[{{- $comma := "" }}{{ range . }}{{ $comma }}{{ include "ors.tomlValue" . }}{{ $comma = ", " }}{{ end -}}]
{{- else if and (kindIs "float64" .) (eq . (floor .)) -}}
{{ printf "%.0f" . }}
{{- else -}}
{{ . | toRawJson }}
{{- end -}}
{{- end }}
