{{/* "true" while the embedded store is on. */}}
{{- define "vessel.embedded" -}}
{{- if eq (toString .Values.embeddedStore.enabled) "auto" -}}
{{- if not .Values.stores }}true{{ end -}}
{{- else if .Values.embeddedStore.enabled -}}
true
{{- end -}}
{{- end }}

{{/* Every MediaStore of the release, as a YAML map of name to spec. A lone store is the
     default one unless it says otherwise; the embedded one unless another is. */}}
{{- define "vessel.stores" -}}
{{- $stores := deepCopy .Values.stores -}}
{{- $taken := false -}}
{{- range $name, $spec := $stores }}{{ if $spec.default }}{{ $taken = true }}{{ end }}{{ end -}}
{{- if include "vessel.embedded" . -}}
{{- $_ := set $stores .Values.embeddedStore.name (include "vessel.embedded.spec" . | fromYaml | merge (dict "default" (not $taken))) -}}
{{- end -}}
{{- if eq (len $stores) 1 -}}
{{- range $name, $spec := $stores }}{{ if not (hasKey $spec "default") }}{{ $_ := set $spec "default" true }}{{ end }}{{ end -}}
{{- end -}}
{{- $served := include "vessel.served" (dict "root" . "stores" $stores) -}}
{{- with .Values.origin.publicBaseUrl -}}
{{- $spec := get $stores $served -}}
{{- if not $spec.publicBaseURL }}{{ $_ := set $spec "publicBaseURL" . }}{{ end -}}
{{- end -}}
{{- toYaml $stores -}}
{{- end }}

{{- define "vessel.embedded.spec" -}}
{{- with .Values.embeddedStore -}}
bucket: {{ .bucket | quote }}
prefix: {{ .prefix | quote }}
endpoint: {{ include "vessel.store.endpoint" $ }}
{{- with .presignEndpoint }}
presignEndpoint: {{ . }}
{{- end }}
credentialsSecretName: {{ include "vessel.store.secretName" $ }}
sources: {{- toYaml .sources | nindent 2 }}
sweep: {{- toYaml .sweep | nindent 2 }}
{{- end -}}
{{- end }}

{{/* Name of the store that the origin serves: (dict "root" $ "stores" …). */}}
{{- define "vessel.served" -}}
{{- $served := .root.Values.origin.storeName -}}
{{- if not $served -}}
{{- range $name, $spec := .stores }}{{ if and $spec.default (not $served) }}{{ $served = $name }}{{ end }}{{ end -}}
{{- end -}}
{{- $names := keys .stores | sortAlpha | join ", " -}}
{{- if not .stores -}}
{{- fail "there is no store: describe one under `stores`, or leave embeddedStore.enabled at auto" -}}
{{- else if not $served -}}
{{- fail (printf "which store does the origin serve? Set origin.storeName to one of: %s; or mark one of them `default: true`" $names) -}}
{{- else if not (hasKey .stores $served) -}}
{{- fail (printf "origin.storeName is %q, which is no store of this release: it has %s" $served $names) -}}
{{- end -}}
{{- $served -}}
{{- end }}

{{/* Every profile of the release, as a YAML map of name to spec. */}}
{{- define "vessel.profiles" -}}
{{- $profiles := dict -}}
{{- range $path, $_ := .Files.Glob "files/profiles/*.yaml" -}}
{{- $_ := set $profiles (trimSuffix ".yaml" (base $path)) ($.Files.Get $path | fromYaml) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $profiles (deepCopy .Values.profiles)) -}}
{{- end }}
