{{/*
The operator's permissions: read all objects that decide routes; write
DestinationRules, VirtualServices, HTTPRoutes, the status of OverridePolicies, and Events.
*/}}

{{/* In every managed namespace. */}}
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
  resources: [grpcroutes, tcproutes, tlsroutes, gateways, listenersets, referencegrants]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch]
# Server-side apply is a patch, and a creation if the object does not exist.
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies]
  verbs: [list, watch]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.gatewayPolicies.enabled }}
# For the policies of gateways: their filters and guards.
- apiGroups: [overrides.mesh]
  resources: [gatewayoverridepolicies]
  verbs: [list, watch]
- apiGroups: [overrides.mesh]
  resources: [gatewayoverridepolicies/status]
  verbs: [patch]
- apiGroups: [networking.istio.io]
  resources: [envoyfilters]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [security.istio.io]
  resources: [authorizationpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [security.istio.io]
  resources: [requestauthentications]
  verbs: [list, watch]
{{- end }}
{{- if or .Values.gatewayPolicies.enabled .Values.grants.enabled }}
# Which grants are live.
- apiGroups: [overrides.mesh]
  resources: [overridegrants]
  verbs: [list, watch]
{{- end }}
{{- if .Values.grants.enabled }}
- apiGroups: [overrides.mesh]
  resources: [overridegrants/status]
  verbs: [patch]
# For the tokens of grants. An admission policy limits this to Secrets of their type. Secrets
# can't be read.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create, update, delete]
{{- end }}
{{- if .Values.readinessGate.enabled }}
# To report that ordinary traffic is pinned away from a pod.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- end }}
{{- end -}}

{{/* In Istio's root namespace, whose objects apply to all namespaces. */}}
{{- define "overrides.rules.root" -}}
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices, gateways, sidecars, serviceentries]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tcproutes, tlsroutes, gateways, listenersets, referencegrants]
  verbs: [list, watch]
{{- if .Values.gatewayPolicies.enabled }}
- apiGroups: [security.istio.io]
  resources: [requestauthentications, authorizationpolicies]
  verbs: [list, watch]
{{- end }}
{{- end -}}

{{/* In Istio's root namespace: the mesh configuration of each revision. A list or
watch with a resource name covers that object only. */}}
{{- define "overrides.rules.mesh" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [istio{{ range .Values.istioRevisions }}, istio-{{ . }}{{ end }}]
  verbs: [list, watch]
{{- end -}}

{{/* Objects without a namespace. */}}
{{- define "overrides.rules.cluster" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
# For the labels of Istio's revision tags.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  verbs: [list, watch]
# Which gateways are Istio's.
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  verbs: [list, watch]
{{- if .Values.grants.enabled }}
# Which grants are permitted.
- apiGroups: [overrides.mesh]
  resources: [overridegrantpolicies]
  verbs: [list, watch]
{{- end }}
# To notice when Istio, the Gateway API, Argo Rollouts or Flagger are installed. Only names are read.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end -}}

{{/* In the operator's own namespace. */}}
{{- define "overrides.rules.leader" -}}
# Creation can't be limited to a name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [overrides-operator]
  verbs: [get, update]
# A new leader reports an Event of the lease.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/*
Permissions of the readiness gate's webhook: its certificate, and the caBundle that
the API server trusts. A list or watch with a resource name covers that object only.
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

{{/* Objects without a namespace that decide which grants are permitted, for an operator of
named namespaces: policies, and the labels that they select namespaces by. */}}
{{- define "overrides.rules.grants" -}}
- apiGroups: [overrides.mesh]
  resources: [overridegrantpolicies]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end -}}

{{/* The keys that sign tokens. A list or watch with a resource name covers that object
only. The Secret is made again if somebody deletes it; creation can't be limited to a name,
which an admission policy does. */}}
{{- define "overrides.rules.signingKeys" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "overrides.signingKeys" . }}]
  verbs: [list, watch, update]
{{- end -}}

{{/* In Istio's root namespace, to ask istiod which objects proxies have received. */}}
{{- define "overrides.rules.istiod" -}}
- apiGroups: [""]
  resources: [serviceaccounts/token]
  resourceNames: [{{ include "overrides.istiodReader" . }}]
  verbs: [create]
# The CA that istiod's certificate is checked against.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [istio-ca-root-cert]
  verbs: [get]
# The addresses of istiod.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{- end -}}

{{/* Permissions for removing all objects of Overrides. */}}
{{- define "overrides.rules.cleanup" -}}
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [list, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [list, delete]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies]
  verbs: [list]
- apiGroups: [overrides.mesh]
  resources: [overridepolicies/status]
  verbs: [patch]
{{- if .Values.gatewayPolicies.enabled }}
- apiGroups: [networking.istio.io]
  resources: [envoyfilters]
  verbs: [list, delete]
- apiGroups: [security.istio.io]
  resources: [authorizationpolicies]
  verbs: [list, delete]
- apiGroups: [overrides.mesh]
  resources: [gatewayoverridepolicies]
  verbs: [list]
- apiGroups: [overrides.mesh]
  resources: [gatewayoverridepolicies/status]
  verbs: [patch]
{{- end }}
{{- if .Values.readinessGate.enabled }}
# Pods that wait for the operator would wait forever.
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
A role and its binding: dict "root" $, "name", "namespace" (empty for a
ClusterRole), "rules" (a template's name or a list of them),
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
