{{/* What a schema can't say about values. */}}
{{- define "vessel.validate" -}}
{{- if and (include "vessel.embedded" .) (hasKey .Values.stores .Values.embeddedStore.name) -}}
{{- fail (printf "stores.%s bears the name of the embedded store: rename it, or set embeddedStore.name or embeddedStore.enabled=false" .Values.embeddedStore.name) -}}
{{- end -}}
{{- if and .Values.origin.httpRoute.enabled (not .Values.origin.httpRoute.parentRefs) -}}
{{- fail "origin.httpRoute.parentRefs is empty: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- $defaults := list -}}
{{- range $name, $spec := .Values.stores }}{{ if $spec.default }}{{ $defaults = append $defaults $name }}{{ end }}{{ end -}}
{{- if gt (len $defaults) 1 -}}
{{- fail (printf "several stores are marked default: %s; mark one" (join ", " (sortAlpha $defaults))) -}}
{{- end -}}
{{- end }}
