package main

import (
	"fmt"
	"os"
	"strings"
)

// controllers are those whose work tests look at; without a kubelet, pods stay Pending.
var controllers = []string{
	"deployment-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"replicaset-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
}

func etcdArgs(data, clients, peers string) []string {
	return []string{
		"--name=default",
		"--data-dir=" + data,
		"--unsafe-no-fsync", // what is here is thrown away
		"--listen-client-urls=" + clients,
		"--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers,
		"--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=default=" + peers,
		"--log-level=warn",
	}
}

func apiserverFlags(p *pki, etcd string, port int) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + p.path("apiserver.crt"),
		"--tls-private-key-file=" + p.path("apiserver.key"),
		"--client-ca-file=" + p.path("ca.crt"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.path("service-accounts.pub"),
		"--service-account-signing-key-file=" + p.path("service-accounts.key"),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
	}
}

func controllerManagerArgs(p *pki, kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--service-account-private-key-file=" + p.path("service-accounts.key"),
		"--root-ca-file=" + p.path("ca.crt"),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}

// writeKubeconfig names files rather than holding keys, so that it may be shown.
func writeKubeconfig(path, server string, p *pki) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: admin
contexts:
- name: admin
  context: {cluster: control-plane, user: admin}
clusters:
- name: control-plane
  cluster:
    server: %s
    certificate-authority: %q
users:
- name: admin
  user:
    client-certificate: %q
    client-key: %q
`, server, p.path("ca.crt"), p.path("admin.crt"), p.path("admin.key"))
	return os.WriteFile(path, []byte(text), 0o600)
}
