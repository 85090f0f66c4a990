{{- define "lienthong.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lienthong.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "lienthong.labels" -}}
{{ include "lienthong.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: lienthong
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "lienthong.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "lienthong.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lienthong.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The part of lienthong.yaml that every process reads. It points to files of mounted secrets and holds none. */}}
{{- define "lienthong.commonConfig" -}}
{{- $security := dict -}}
{{- range $name, $value := .Values.kafka.settings -}}
{{- $_ := set $security $name $value -}}
{{- end -}}
{{- range $name, $key := .Values.kafka.secretSettings -}}
{{- $_ := set $security $name (dict "from_file" (printf "/etc/lienthong/secrets/kafka/%s" $key)) -}}
{{- end -}}
{{- $config := dict
  "province" .Values.province
  "environment" .Values.environment
  "security_level" (int .Values.securityLevel)
  "state_directory" "/var/lib/lienthong"
  "metrics_port" (int .Values.metricsPort)
  "kafka" (dict "bootstrap_servers" .Values.kafka.bootstrapServers "security" $security)
  "log" (dict "format" .Values.log.format "level" .Values.log.level) -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "lienthong.pipelineConfig" -}}
{{- $config := include "lienthong.commonConfig" .root | fromYaml -}}
{{- $secrets := dict "pseudonym_key_file" (printf "/etc/lienthong/secrets/pseudonym/%s" .root.Values.keys.pseudonymKey) -}}
{{- if .root.Values.keys.subjectKeysClaim -}}
{{- $_ := set $secrets "subject_keys_file" (printf "/var/lib/lienthong-keys/%s" .root.Values.keys.subjectKeysFile) -}}
{{- end -}}
{{- $_ := set $config "secrets" $secrets -}}
{{- $connectors := dict -}}
{{- range .pipeline.connectors -}}
{{- $connector := get $.root.Values.connectors . -}}
{{- if not $connector -}}
{{- fail (printf "pipeline %s uses the connector %s; give it under connectors" $.pipeline.name .) -}}
{{- end -}}
{{- $_ := set $connectors . $connector.config -}}
{{- end -}}
{{- $_ := set $config "connectors" $connectors -}}
{{- if include "lienthong.sharesLimits" . -}}
{{- $_ := set $config "ledger" (dict "url" (include "lienthong.ledgerUrl" .root | fromYaml)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
Not empty if a pipeline calls a target with limits: these are counted together with all other pods, in the ledger's
database.
*/}}
{{- define "lienthong.sharesLimits" -}}
{{- range .pipeline.connectors -}}
{{- if hasKey ((get $.root.Values.connectors .).config | default dict) "limits" -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lienthong.ledgerUrl" -}}
from_file: /etc/lienthong/secrets/ledger/{{ .Values.ledger.urlKey }}
{{- end -}}

{{- define "lienthong.ledgerConfig" -}}
{{- $config := include "lienthong.commonConfig" . | fromYaml -}}
{{- $_ := set $config "ledger" (dict "url" (include "lienthong.ledgerUrl" . | fromYaml)) -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "lienthong.gatewayConfig" -}}
{{- $config := include "lienthong.ledgerConfig" . | fromYaml -}}
{{- $gateway := dict
  "host" "0.0.0.0"
  "port" (int .Values.gateway.port)
  "issuer" .Values.gateway.issuer
  "audience" .Values.gateway.audience
  "publishers" .Values.gateway.publishers -}}
{{- if .Values.gateway.jwksConfigMap -}}
{{- $_ := set $gateway "jwks_file" "/etc/lienthong/jwks/jwks.json" -}}
{{- end -}}
{{- if .Values.gateway.lookups -}}
{{- $_ := set $gateway "lookups" .Values.gateway.lookups -}}
{{- $connectors := dict -}}
{{- range $name, $_ := .Values.gateway.lookups -}}
{{- $connector := get $.Values.connectors $name -}}
{{- if not $connector -}}
{{- fail (printf "the gateway asks the connector %s; give it under connectors" $name) -}}
{{- end -}}
{{- $_ := set $connectors $name $connector.config -}}
{{- end -}}
{{- $_ := set $config "connectors" $connectors -}}
{{- end -}}
{{- $_ := set $config "gateway" $gateway -}}
{{- $_ := set $config "secrets" (dict "pseudonym_key_file" (printf "/etc/lienthong/secrets/pseudonym/%s" .Values.keys.pseudonymKey)) -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
One pod. Arguments: root, component, args, configKey (key of the ConfigMap), configName, secrets (folder → secret),
resources, graceSeconds, and where they apply ports, extraVolumes, extraMounts, noProbes.
*/}}
{{- define "lienthong.podSpec" -}}
{{- $root := .root -}}
serviceAccountName: {{ .serviceAccountName | default (include "lienthong.serviceAccountName" $root) }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .graceSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $root.Values.runAsUser }}
  runAsGroup: {{ $root.Values.runAsUser }}
  fsGroup: {{ $root.Values.runAsUser }}
  # Without it the kubelet would make the key file readable by the group at each start.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: lienthong
    image: {{ include "lienthong.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [lienthong]
    args: {{- toYaml .args | nindent 6 }}
    env:
      - name: LIENTHONG_CONFIG
        value: /etc/lienthong/config/lienthong.yaml
    {{- if not .noProbes }}
    ports:
      - name: metrics
        containerPort: {{ $root.Values.metricsPort }}
      {{- range $name, $port := .ports }}
      - name: {{ $name }}
        containerPort: {{ $port }}
      {{- end }}
    startupProbe:
      httpGet: {path: /livez, port: metrics}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /livez, port: metrics}
      periodSeconds: 10
      timeoutSeconds: 3
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      privileged: false
      capabilities:
        drop: [ALL]
    resources: {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - name: config
        mountPath: /etc/lienthong/config
        readOnly: true
      - name: state
        mountPath: /var/lib/lienthong
      - name: tmp
        mountPath: /tmp
      {{- range $folder, $secret := .secrets }}
      - name: secret-{{ $folder }}
        mountPath: /etc/lienthong/secrets/{{ $folder }}
        readOnly: true
      {{- end }}
      {{- with .extraMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ .configName | default (printf "%s-config" (include "lienthong.fullname" $root)) }}
      items:
        - key: {{ .configKey }}
          path: lienthong.yaml
  - name: state
    emptyDir: {sizeLimit: 256Mi}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- range $folder, $secret := .secrets }}
  - name: secret-{{ $folder }}
    secret:
      secretName: {{ $secret }}
      defaultMode: 0440
  {{- end }}
  {{- with .extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "lienthong.kafkaSecrets" -}}
{{- $secrets := dict -}}
{{- if .Values.kafka.existingSecret -}}
{{- $_ := set $secrets "kafka" .Values.kafka.existingSecret -}}
{{- else if .Values.kafka.secretSettings -}}
{{- fail "kafka.secretSettings names keys of a secret; give kafka.existingSecret" -}}
{{- end -}}
{{- toYaml $secrets -}}
{{- end -}}

{{- define "lienthong.podMetadata" -}}
labels:
  {{- include "lienthong.labels" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ .config | sha256sum }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "lienthong.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "lienthong.fullname" .root }}-{{ .suffix }}
  labels:
    {{- include "lienthong.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "lienthong.selector" . | nindent 6 }}
{{- end -}}
