{{/* What viewers may ask the origin for. Its /metrics stays inside the cluster. */}}
{{- define "vessel.origin.paths" -}}
[/v1/, /watch/, /assets/]
{{- end }}
