package node

import (
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
)

//go:embed config
var templates embed.FS

// values are what the files under config/ are filled with.
type values struct {
	State, Containerd, Cgroup, Node, NodeIP, PodCIDR, PauseImage, Provisioner string
}

// recipe changes with everything that a running cluster was made from.
func recipe(kube string) (string, error) {
	texts := []string{kube, fmt.Sprintf("%+v", settings(""))}
	for _, part := range append(foundation(), rest()...) {
		texts = append(texts, part.args...)
	}
	err := fs.WalkDir(templates, "config", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := templates.ReadFile(path)
		texts = append(texts, string(text))
		return err
	})
	if err != nil {
		return "", err
	}
	return cache.Key{Texts: texts}.Sum()
}

func settings(store string) values {
	return values{
		State: State, Containerd: filepath.Join(store, "containerd"), Cgroup: cgroup, Node: Name, NodeIP: NodeIP,
		PodCIDR: podCIDR, PauseImage: PauseImage + ":" + PauseTag, Provisioner: provisioner,
	}
}

func configPath(file string) string { return filepath.Join(State, "config", file) }

// writeConfig fills every template of config/, and a kubeconfig for each client.
func writeConfig() error {
	store, err := cache.Dir()
	if err != nil {
		return err
	}
	filled := settings(store)
	err = fs.WalkDir(templates, "config", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return fill(path, filled)
	})
	if err != nil {
		return err
	}
	for client := range clients {
		if err := writeKubeconfig(client); err != nil {
			return err
		}
	}
	return nil
}

func fill(path string, filled values) error {
	parsed, err := template.New(filepath.Base(path)).Option("missingkey=error").ParseFS(templates, path)
	if err != nil {
		return err
	}
	target := filepath.Join(State, path)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	return errors.Join(parsed.Execute(file, filled), file.Close())
}

func kubeconfigPath(client string) string { return filepath.Join(State, "kubeconfig", client) }

// writeKubeconfig writes a kubeconfig that carries all it needs: it is copied
// into the clone.
func writeKubeconfig(client string) error {
	encoded := make([]any, 0, 3)
	for _, file := range []string{"ca.crt", "client-" + client + ".crt", "client-" + client + ".key"} {
		text, err := os.ReadFile(pkiPath(file))
		if err != nil {
			return err
		}
		encoded = append(encoded, base64.StdEncoding.EncodeToString(text))
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: vessel-local
contexts:
- {name: vessel-local, context: {cluster: local, user: local}}
clusters:
- name: local
  cluster: {server: "https://%s:6443", certificate-authority-data: %s}
users:
- name: local
  user: {client-certificate-data: %s, client-key-data: %s}
`, append([]any{NodeIP}, encoded...)...)
	path := kubeconfigPath(client)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// writeAccess gives a clone its way into the cluster: .cluster/kubeconfig and
// .cluster/bin.
func writeAccess(clone, kube string) error {
	if err := LinkPrograms(clone, kube); err != nil {
		return err
	}
	text, err := os.ReadFile(kubeconfigPath("admin"))
	if err != nil {
		return err
	}
	return os.WriteFile(Kubeconfig(clone), text, 0o600)
}

// LinkPrograms puts kubectl and helm into .cluster/bin of a clone.
func LinkPrograms(clone, kube string) error {
	for _, program := range []string{"kubectl", "helm"} {
		link := filepath.Join(clone, ".cluster", "bin", program)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(kube, link); err != nil {
			return err
		}
	}
	return nil
}

func removeAccess(clone string) error {
	err := os.Remove(Kubeconfig(clone))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Kubeconfig is the path of a clone's own kubeconfig.
func Kubeconfig(clone string) string { return filepath.Join(clone, ".cluster", "kubeconfig") }
