{{/*
What the operator may do, and no more: read what decides routes; write our
DestinationRules, VirtualServices and the status of OverridePolicies; tell.
*/}}

{{/* In every namespace that is managed. */}}
{{- define "overrides.rules.managed" -}}
- apiGroups: [""]
  resources: [services, pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets, replicasets]
  verbs: [list, watch]
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [list, watch]
- apiGroups: [flagger.app]
  resources: [canaries]
  verbs: [list, watch]
- apiGroups: [networking.istio.io]
  resources: [gateways, sidecars, serviceentries, workloadentries]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tcproutes, tlsroutes]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch]
# Server-side apply is a patch, and a creation where nothing is there.
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies]
  verbs: [list, watch]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.readinessGate.enabled }}
# To say that ordinary traffic is pinned away from a pod.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- end }}
{{- end -}}

{{/* In Istio's root namespace, whose rules hold for all. */}}
{{- define "overrides.rules.root" -}}
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices, gateways, sidecars, serviceentries]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tcproutes, tlsroutes]
  verbs: [list, watch]
{{- end -}}

{{/* In Istio's root namespace: the mesh configuration of each revision. A list or a
watch with a name is one of that object alone. */}}
{{- define "overrides.rules.mesh" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [istio{{ range .Values.istioRevisions }}, istio-{{ . }}{{ end }}]
  verbs: [list, watch]
{{- end -}}

{{/* What is in no namespace. */}}
{{- define "overrides.rules.cluster" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
# For the labels of Istio's revision tags.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  verbs: [list, watch]
# By name only: to notice when Istio, the Gateway API, Argo Rollouts or Flagger come.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end -}}

{{/* In the operator's own namespace. */}}
{{- define "overrides.rules.leader" -}}
# A creation can't be bound to a name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [overrides-operator]
  verbs: [get, update]
# The leader says so in an Event of the lease.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/*
What the webhook of the readiness gate needs: its certificate, and to say which is
to be trusted. A list or a watch with a name is one of that object alone.
*/}}
{{- define "overrides.rules.certificate" -}}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "overrides.webhook" . }}]
  verbs: [list, watch, update]
{{- end -}}

{{- define "overrides.rules.webhook" -}}
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [{{ include "overrides.readinessGate" . }}]
  verbs: [list, watch, update]
{{- end -}}

{{/* In Istio's root namespace, to ask istiod what proxies have. */}}
{{- define "overrides.rules.istiod" -}}
- apiGroups: [""]
  resources: [serviceaccounts/token]
  resourceNames: [{{ include "overrides.istiodReader" . }}]
  verbs: [create]
# Istiod's certificate is checked against it.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [istio-ca-root-cert]
  verbs: [get]
# Where istiods are.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{- end -}}

{{/* What removing everything of ours takes. */}}
{{- define "overrides.rules.cleanup" -}}
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [list, delete]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies]
  verbs: [list]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies/status]
  verbs: [patch]
{{- if .Values.readinessGate.enabled }}
# Pods that wait for the operator would wait for ever.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- end }}
{{- end -}}

{{- define "overrides.rules.cleanupLease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [overrides-operator]
  verbs: [get, update, delete]
{{- end -}}

{{/*
A role and its binding: dict "root" $, "name", "namespace" (empty for one that
holds for the whole cluster), "rules" (a template's name or a list of them),
"account", "hook" (annotations).
*/}}
{{- define "overrides.grant" -}}
{{- $kind := ternary "Role" "ClusterRole" (not (empty .namespace)) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "overrides.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- range .rules }}
  {{- include . $.root | nindent 2 }}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "overrides.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
