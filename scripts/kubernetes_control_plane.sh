#!/usr/bin/env bash
# A real Kubernetes API server and controllers without containers, to check the chart against.
# Pods are created and stay pending, because no kubelet runs them.
#
#   scripts/kubernetes_control_plane.sh build DIR   needs Go; some minutes, 290 MB
#   scripts/kubernetes_control_plane.sh up DIR      needs etcd (Debian: etcd-server) and openssl; writes DIR/kubeconfig
#   scripts/kubernetes_control_plane.sh down DIR
set -euo pipefail

action=${1:?say build, up or down}
mkdir -p "${2:?name a folder}"
folder=$(cd "$2" && pwd)
version=${KUBERNETES_VERSION:-1.36.3}
etcd_port=${ETCD_PORT:-23790}
peer_port=${ETCD_PEER_PORT:-23800}
api_port=${API_PORT:-23443}
controller_port=${CONTROLLER_PORT:-23257}
controllers=deployment-controller,replicaset-controller,job-controller,disruption-controller,namespace-controller
controllers=$controllers,serviceaccount-controller

build() {
  cd "$folder"
  rm -f go.mod go.sum
  go mod init lienthong-kubernetes 2>/dev/null
  cat > commands.go <<'GO'
//go:build tools

package commands

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
GO
  local module
  module=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  go mod edit -require="k8s.io/kubernetes@v$version"
  # Kubernetes builds its libraries from its own tree; outside of it they are separate modules of version 0.x.
  sed -n 's#^[[:space:]]*\(k8s\.io/[a-z0-9-]*\) => \./staging.*#\1#p' "$module" | sort -u | while read -r library; do
    go mod edit -replace="$library=$library@v0.${version#1.}"
  done
  go mod tidy
  for command in kube-apiserver kube-controller-manager; do
    CGO_ENABLED=0 go build -ldflags "-X k8s.io/component-base/version.gitVersion=v$version" \
      -o "$command" "k8s.io/kubernetes/cmd/$command"
  done
}

start() {
  local name=$1
  shift
  setsid "$@" > "$name.log" 2>&1 < /dev/null &
  echo $! > "$name.pid"
}

up() {
  cd "$folder"
  local token
  token=$(openssl rand -hex 16)
  [ -f account.key ] || openssl genrsa -out account.key 2048 2>/dev/null
  (umask 077 && echo "$token,admin,admin,\"system:masters\"" > tokens.csv)
  start etcd etcd --data-dir "$folder/etcd-data" \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$peer_port"
  start api ./kube-apiserver --etcd-servers "http://127.0.0.1:$etcd_port" --bind-address 127.0.0.1 \
    --secure-port "$api_port" --cert-dir "$folder/certificates" --token-auth-file tokens.csv \
    --authorization-mode RBAC --service-cluster-ip-range 10.0.0.0/24 \
    --service-account-issuer https://kubernetes.default --service-account-key-file account.key \
    --service-account-signing-key-file account.key
  (umask 077 && cat > kubeconfig <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster: {server: "https://127.0.0.1:$api_port", certificate-authority: "$folder/certificates/apiserver.crt"}
users:
  - {name: admin, user: {token: "$token"}}
contexts:
  - {name: test, context: {cluster: test, user: admin}}
current-context: test
YAML
  )
  local tries=0
  until curl --silent --insecure --header "Authorization: Bearer $token" "https://127.0.0.1:$api_port/readyz" |
    grep -q '^ok$'; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ]; then
      echo "the API server is not ready after 60 s; see $folder/api.log and $folder/etcd.log" >&2
      down
      exit 1
    fi
    sleep 0.5
  done
  start controllers ./kube-controller-manager --kubeconfig kubeconfig --leader-elect=false \
    --secure-port "$controller_port" --service-account-private-key-file account.key --controllers="$controllers"
  echo "KUBECONFIG=$folder/kubeconfig"
}

down() {
  cd "$folder"
  for name in controllers api etcd; do
    if [ -f "$name.pid" ]; then
      local process
      process=$(cat "$name.pid")
      kill "$process" 2>/dev/null || true
      # A server that still holds its port would be taken for the next one.
      for _ in $(seq 100); do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.1
      done
      kill -9 "$process" 2>/dev/null || true
      rm -f "$name.pid"
    fi
  done
  rm -rf etcd-data tokens.csv kubeconfig
}

case "$action" in
  build | up | down) "$action" ;;
  *) echo "say build, up or down" >&2; exit 2 ;;
esac
