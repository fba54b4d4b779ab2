{{/* The prefix of all names. */}}
{{- define "overrides.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "overrides.operator" -}}
{{ include "overrides.fullname" . }}-operator
{{- end -}}

{{- define "overrides.cleanup" -}}
{{ include "overrides.fullname" . }}-cleanup
{{- end -}}

{{- define "overrides.webhook" -}}
{{ include "overrides.fullname" . }}-webhook
{{- end -}}

{{- define "overrides.readinessGate" -}}
{{ include "overrides.fullname" . }}-readiness-gate
{{- end -}}

{{- define "overrides.istiodReader" -}}
{{ include "overrides.fullname" . }}-istiod-reader
{{- end -}}

{{- define "overrides.keys" -}}
{{ include "overrides.fullname" . }}-keys
{{- end -}}

{{/* The collector of trails: its name, its name in DNS, and its pods. */}}
{{- define "overrides.trail" -}}
{{ include "overrides.fullname" . }}-trail
{{- end -}}

{{- define "overrides.trailHost" -}}
{{ include "overrides.trail" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- define "overrides.trailSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: trail
{{- end -}}

{{/* The Secret with the keys that sign tokens, and its namespace. */}}
{{- define "overrides.signingKeys" -}}
{{ include "overrides.fullname" . }}-signing-keys
{{- end -}}

{{- define "overrides.signingKeysNamespace" -}}
{{ default .Release.Namespace .Values.grants.namespace }}
{{- end -}}

{{- define "overrides.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Never managed-by=overrides: that marks the objects that the operator writes. */}}
{{- define "overrides.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "overrides.account" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "overrides.operator" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "overrides.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The requirements of the Pod Security Standard "restricted", and a read-only root. */}}
{{- define "overrides.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "overrides.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Labels of pods that get no sidecar: one would keep a Job from ending. */}}
{{- define "overrides.meshless" -}}
sidecar.istio.io/inject: "false"
istio.io/dataplane-mode: none
{{- end -}}
