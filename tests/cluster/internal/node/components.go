package node

import "path/filepath"

// component is one program of the cluster.
type component struct {
	name  string
	args  []string
	ready func() error // nil: nothing waits for it
}

func containerSocket() string { return filepath.Join(State, "containerd.sock") }

// foundation is what the API server and the kubelet stand on.
func foundation() []component {
	return []component{
		{
			name:  "containerd",
			args:  []string{"containerd", "--config", configPath("containerd.toml")},
			ready: func() error { return dial(containerSocket()) },
		},
		{
			name: "etcd",
			// In memory: nothing of it outlives the cluster.
			args:  []string{"etcd", "--data-dir", "/run/etcd"},
			ready: func() error { return get("http://127.0.0.1:2379/health") },
		},
		{name: "kube-apiserver", args: apiServer(), ready: func() error { return get("https://" + NodeIP + ":6443/readyz") }},
	}
}

// rest is everything that talks to the API server.
func rest() []component {
	return []component{
		kube("kube-controller-manager",
			"--kubeconfig", kubeconfigPath("kube-controller-manager"),
			"--leader-elect=false",
			"--use-service-account-credentials",
			"--service-account-private-key-file", pkiPath("service-accounts.key"),
			"--root-ca-file", pkiPath("ca.crt"),
			"--cluster-signing-cert-file", pkiPath("ca.crt"),
			"--cluster-signing-key-file", pkiPath("ca.key")),
		kube("kube-scheduler", "--kubeconfig", kubeconfigPath("kube-scheduler"), "--leader-elect=false"),
		kube("kubelet",
			"--config", configPath("kubelet.yaml"),
			"--kubeconfig", kubeconfigPath("kubelet"),
			"--root-dir", filepath.Join(State, "kubelet"),
			"--hostname-override", Name,
			"--node-ip", NodeIP),
		kube("kube-proxy", "--config", configPath("kube-proxy.yaml")),
		kube("coredns", "-conf", configPath("Corefile")),
		kube("volumes",
			"--kubeconfig", kubeconfigPath("volumes"),
			"--root", filepath.Join(State, "volumes"),
			"--provisioner", provisioner),
	}
}

func kube(name string, args ...string) component {
	return component{name: name, args: append([]string{kubeLink(), name}, args...)}
}

func apiServer() []string {
	return kube("kube-apiserver",
		"--advertise-address", NodeIP,
		"--etcd-servers", "http://127.0.0.1:2379",
		"--service-cluster-ip-range", serviceCIDR,
		"--authorization-mode", "Node,RBAC",
		"--enable-admission-plugins", "NodeRestriction",
		"--client-ca-file", pkiPath("ca.crt"),
		"--tls-cert-file", pkiPath("kube-apiserver.crt"),
		"--tls-private-key-file", pkiPath("kube-apiserver.key"),
		"--kubelet-preferred-address-types", "InternalIP",
		"--kubelet-certificate-authority", pkiPath("ca.crt"),
		"--kubelet-client-certificate", pkiPath("apiserver-to-kubelet.crt"),
		"--kubelet-client-key", pkiPath("apiserver-to-kubelet.key"),
		"--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
		"--service-account-signing-key-file", pkiPath("service-accounts.key"),
		"--service-account-key-file", pkiPath("service-accounts.key"),
		"--audit-policy-file", configPath("audit.yaml"),
		"--audit-log-path", AuditLog(),
	).args
}
