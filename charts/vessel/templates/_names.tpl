{{/* Prefix of every name: `vessel` for the release `vessel`, else `{release}-vessel`. */}}
{{- define "vessel.fullname" -}}
{{- if contains "vessel" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-vessel" (.Release.Name | trunc 33 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{/* Labels that select the pods of a component: (dict "root" $ "component" "origin"). */}}
{{- define "vessel.selectorLabels" -}}
app.kubernetes.io/name: vessel
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of every object: (dict "root" $ "component" "origin"). */}}
{{- define "vessel.labels" -}}
{{ include "vessel.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Reference of an image: (dict "root" $ "image" .Values.image.operator). */}}
{{- define "vessel.image" -}}
{{- $name := printf "%s/%s" .image.registry .image.repository -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end }}

{{- define "vessel.operator.serviceAccountName" -}}
{{- $account := .Values.operator.serviceAccount -}}
{{- default (printf "%s-operator" (include "vessel.fullname" .)) $account.name -}}
{{- end }}

{{- define "vessel.origin.serviceAccountName" -}}
{{- $account := .Values.origin.serviceAccount -}}
{{- default (printf "%s-origin" (include "vessel.fullname" .)) $account.name -}}
{{- end }}

{{/* Address of the embedded store inside the cluster. */}}
{{- define "vessel.store.endpoint" -}}
{{- printf "http://%s-store.%s.svc" (include "vessel.fullname" .) .Release.Namespace -}}
{{- end }}

{{/* Secret with the embedded store's credentials; the operator makes it. */}}
{{- define "vessel.store.secretName" -}}
{{- printf "%s-store-root" (include "vessel.fullname" .) -}}
{{- end }}
