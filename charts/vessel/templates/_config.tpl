{{/* Settings of the operator. */}}
{{- define "vessel.config" -}}
queue: {{- toYaml .Values.queue | nindent 2 }}
limits: {{- toYaml .Values.limits | nindent 2 }}
grant:
  ttlSeconds: {{ int64 .Values.grant.ttlSeconds }}
  url: https://{{ include "vessel.fullname" . }}-operator.{{ .Release.Namespace }}.svc
{{- if include "vessel.embedded" . }}
embeddedStore:
  storeName: {{ .Values.embeddedStore.name }}
  rootSecretName: {{ include "vessel.store.secretName" . }}
{{- end }}
transcoder:
  image: {{ include "vessel.image" (dict "root" . "image" .Values.image.transcoder) }}
  imagePullPolicy: {{ .Values.image.transcoder.pullPolicy }}
  {{- toYaml .Values.transcoder | nindent 2 }}
{{- end }}

{{/* Files of manifests: one a profile, one a store. */}}
{{- define "vessel.defaults" -}}
{{- range $name, $spec := include "vessel.profiles" . | fromYaml }}
profile-{{ $name }}.yaml: |
  apiVersion: vessel.media/v1alpha1
  kind: TranscodeProfile
  metadata:
    name: {{ $name }}
  spec: {{- toYaml $spec | nindent 4 }}
{{- end }}
{{- range $name, $spec := include "vessel.stores" . | fromYaml }}
store-{{ $name }}.yaml: |
  apiVersion: vessel.media/v1alpha1
  kind: MediaStore
  metadata:
    name: {{ $name }}
  spec: {{- toYaml $spec | nindent 4 }}
{{- end }}
{{- end }}
