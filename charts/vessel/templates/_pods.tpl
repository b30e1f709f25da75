{{/* What the pods of a component have in common, above their containers:
     (dict "root" $ "values" .Values.origin). Pod Security "restricted" holds for all. */}}
{{- define "vessel.podSpec" -}}
# Links to Services would arrive as VESSEL_STORE_… beside the settings.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
  {{- range $key, $value := .values.podSecurityContext }}
  {{- if ne nil $value }}
  {{ $key }}: {{ toJson $value }}
  {{- end }}
  {{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* What no container may do. */}}
{{- define "vessel.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Credentials of a store as environment: (dict "secret" "name" "session" true). */}}
{{- define "vessel.storeCredentials" -}}
- name: VESSEL_STORE_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: accessKeyId}}
- name: VESSEL_STORE_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: secretAccessKey}}
{{- if .session }}
- name: VESSEL_STORE_SESSION_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: sessionToken, optional: true}}
{{- end }}
{{- end }}
