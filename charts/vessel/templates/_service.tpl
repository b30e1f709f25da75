{{/* The port of a Service, from its values. */}}
{{- define "vessel.servicePort" -}}
{name: http, port: 80, targetPort: http{{ if and (eq .type "NodePort") .nodePort }}, nodePort: {{ .nodePort }}{{ end }}}
{{- end }}
