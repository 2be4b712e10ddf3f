{{/* Name of the objects that live in the release's namespace. */}}
{{- define "sfc.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Name of cluster-wide objects, and of those in other namespaces: releases of the same name in different namespaces coexist. */}}
{{- define "sfc.clusterName" -}}
{{ include "sfc.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{- define "sfc.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sfc.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name must be given where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sfc.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sfc.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sfc.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "sfc.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The one subject of every binding. */}}
{{- define "sfc.subjects" -}}
- kind: ServiceAccount
  name: {{ include "sfc.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Rights wherever connectors are worked on. */}}
{{- define "sfc.workRules" -}}
# src/shell/watch/watches.rs watches connectors, with what there is at first in the stream; src/shell/context.rs reads one again where the cache is behind.
- apiGroups: [salesforce-connector.dev]
  resources: [salesforceconnectors]
  verbs: [get, watch]
# src/shell/report.rs replaces the status, and src/shell/grant_session/kubernetes.rs patches it; nothing else of a connector is written.
- apiGroups: [salesforce-connector.dev]
  resources: [salesforceconnectors/status]
  verbs: [update, patch]
# src/shell/report.rs publishes events; a repeated one is patched.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# src/shell/observe.rs reads the Secrets that connectors mention, by name; src/shell/kubernetes/consumer_secret.rs creates, updates
# and deletes the Secrets that it owns; src/shell/callback.rs updates the Secret of a login, and src/shell/rotation.rs one that consents
# to take rotated credentials. The admission policy holds it to those.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update, delete]
{{- if eq .Values.secretWatch "Watch" }}
# src/shell/watch/watches.rs watches the metadata of Secrets where secretWatch is Watch.
- apiGroups: [""]
  resources: [secrets]
  verbs: [watch]
{{- end }}
{{- if .Values.inventory.enabled }}
# src/shell/kubernetes/details.rs reads the ConfigMap of an inventory, creates it, and applies it later. The admission policy
# holds it to those of connectors.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, patch]
{{- end }}
{{- if .Values.sharing.enabled }}
# src/shell/watch/watches.rs watches where copies of tokens are accepted; src/shell/sharing/seen.rs reads one again before its Secret is
# written.
- apiGroups: [salesforce-connector.dev]
  resources: [salesforcetokencopies]
  verbs: [get, watch]
# src/shell/sharing/copies.rs replaces the status of a copy; src/shell/sharing/steps.rs creates, updates and deletes its Secret by the
# right above.
- apiGroups: [salesforce-connector.dev]
  resources: [salesforcetokencopies/status]
  verbs: [update]
{{- end }}
{{- if .Values.rolloutRestarts.enabled }}
# src/shell/kubernetes/workloads.rs reads the workloads that connectors name, and patches an annotation of their pod template. The
# admission policy holds it to that annotation, and to workloads that consent.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, patch]
{{- end }}
{{- end }}

{{/* What a PodMonitor and a ServiceMonitor say of the port of the metrics. */}}
{{- define "sfc.endpoint" -}}
port: metrics
path: /metrics
honorLabels: true
{{- with .monitor.interval }}
interval: {{ . }}
{{- end }}
{{- if .values.metrics.authentication }}
authorization:
  type: Bearer
  credentials:
    name: {{ required "metrics.tokenSecret.name must be given where metrics.authentication is true" .values.metrics.tokenSecret.name }}
    key: {{ .values.metrics.tokenSecret.key }}
{{- end }}
{{- end }}

{{/* Name of the objects that lead browsers to the callback page. */}}
{{- define "sfc.callbackName" -}}
{{ include "sfc.fullname" . | trunc 54 | trimSuffix "-" }}-callback
{{- end }}

{{/* Host of the callback page, without a port. */}}
{{- define "sfc.callbackHost" -}}
{{ (urlParse .Values.callback.url).hostname }}
{{- end }}
