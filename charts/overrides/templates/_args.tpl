{{/* Checks that a schema can't express. */}}
{{- define "overrides.check" -}}
{{- if and .Values.allNamespaces .Values.namespaces -}}
{{- fail "namespaces and allNamespaces exclude each other: list some namespaces, or manage all" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "metrics.serviceMonitor.enabled needs metrics.enabled" -}}
{{- end -}}
{{- if and .Values.istiodSync.enabled .Values.namespaces -}}
{{- fail "istiodSync.enabled reads the pods of all namespaces, so it excludes namespaces: leave out one of them" -}}
{{- end -}}
{{- if and .Values.grants.enabled (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail "grants.enabled needs Kubernetes 1.30 or later: a ValidatingAdmissionPolicy keeps users from making grants under other names" -}}
{{- end -}}
{{- end -}}

{{/* The operator's command line. Always with a lease: an update of the Deployment
runs two operators for a moment, and an uninstallation waits for the last to end. */}}
{{- define "overrides.args" -}}
- operator
- --leader-elect
- --lease-namespace={{ .Release.Namespace }}
- --lease-duration={{ .Values.lease.duration }}
- --lease-renew-deadline={{ .Values.lease.renewDeadline }}
- --lease-retry-period={{ .Values.lease.retryPeriod }}
- --request-timeout={{ .Values.requestTimeout }}
{{- with .Values.namespaces }}
- --namespaces={{ join "," . }}
{{- end }}
{{- if .Values.allNamespaces }}
- --all-namespaces
{{- end }}
- --header-name={{ .Values.headerName }}
- --version-label={{ .Values.versionLabel }}
- --cluster-domain={{ .Values.clusterDomain }}
- --root-namespace={{ .Values.rootNamespace }}
{{- range .Values.istioRevisions }}
- --istio-revision={{ . }}
{{- end }}
{{- range .Values.callerNamespaces }}
- --caller-namespace={{ . }}
{{- end }}
- --propagation-delay={{ .Values.wait | default .Values.propagationDelay }}
- --drain-delay={{ .Values.keep | default .Values.drainDelay }}
{{- if .Values.dryRun }}
- --dry-run
{{- end }}
- --log-format={{ .Values.logFormat }}
- --log-level={{ .Values.logLevel }}
- --health-probe-bind-address=:{{ .Values.probes.port }}
- --metrics-bind-address={{ if .Values.metrics.enabled }}:{{ .Values.metrics.port }}{{ else }}0{{ end }}
- --istiod-sync={{ ternary "auto" "off" .Values.istiodSync.enabled }}
{{- if .Values.istiodSync.enabled }}
- --istiod-service-account={{ include "overrides.istiodReader" . }}
- --propagation-delay-max={{ .Values.istiodSync.waitMax | default .Values.istiodSync.propagationDelayMax }}
{{- end }}
{{- if .Values.gatewayPolicies.enabled }}
- --gateway-policies
- --gateway-default={{ .Values.gatewayPolicies.default }}
{{- end }}
{{- if .Values.grants.enabled }}
- --grants
- --grants-namespace={{ include "overrides.signingKeysNamespace" . }}
- --grants-secret={{ include "overrides.signingKeys" . }}
- --grants-bind-address=:{{ .Values.grants.port }}
- --grants-token-lifetime={{ .Values.grants.tokenLifetime }}
- --grants-rotate-after={{ .Values.grants.rotateAfter }}
{{- end }}
{{- if .Values.readinessGate.enabled }}
- --readiness-gate
- --readiness-gate-timeout={{ .Values.readinessGate.timeout }}
- --webhook-bind-address=:{{ .Values.readinessGate.port }}
- --webhook-namespace={{ .Release.Namespace }}
- --webhook-service={{ include "overrides.webhook" . }}
- --webhook-secret={{ include "overrides.webhook" . }}
- --webhook-configuration={{ include "overrides.readinessGate" . }}
{{- end }}
{{- with .Values.instance }}
- --instance={{ . }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
