{{/* The pod that makes the sample recording and puts it into the embedded store. */}}
{{- define "vessel.sample.podSpec" -}}
{{- $values := .Values.embeddedStore -}}
restartPolicy: OnFailure
automountServiceAccountToken: false
{{ include "vessel.podSpec" (dict "root" . "values" $values) | trim }}
initContainers:
  - name: make
    image: {{ include "vessel.image" (dict "root" . "image" .Values.image.transcoder) }}
    imagePullPolicy: {{ .Values.image.transcoder.pullPolicy }}
    args: [sample, --output, /scratch/night-drive.flac]
    securityContext: {{- include "vessel.securityContext" . | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
      limits: {memory: 256Mi}
    volumeMounts:
      - {name: scratch, mountPath: /scratch}
containers:
  {{- range $name, $file := dict "night-drive.flac" "/scratch/night-drive.flac" "broken.mp3" "/sample/broken.mp3" }}
  - name: put-{{ trimSuffix (ext $name) $name }}
    image: {{ include "vessel.image" (dict "root" $ "image" $.Values.image.operator) }}
    imagePullPolicy: {{ $.Values.image.operator.pullPolicy }}
    args:
      - put-sample
      - --endpoint={{ include "vessel.store.endpoint" $ }}
      - --bucket={{ $values.bucket }}
      - --key=samples/{{ $name }}
      - --file={{ $file }}
    env:
      {{- include "vessel.storeCredentials" (dict "secret" (include "vessel.store.secretName" $)) | nindent 6 }}
    securityContext: {{- include "vessel.securityContext" $ | nindent 6 }}
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 128Mi}
    volumeMounts:
      - {name: scratch, mountPath: /scratch, readOnly: true}
      - {name: sample, mountPath: /sample, readOnly: true}
  {{- end }}
volumes:
  - name: scratch
    emptyDir: {sizeLimit: 64Mi}
  - name: sample
    configMap: {name: {{ include "vessel.fullname" . }}-sample}
{{- end }}
