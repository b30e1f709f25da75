// Package target tells the local cluster from one that the user has, and
// brings images to either.
package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Cluster is what commands work on.
type Cluster struct {
	Clone      string
	Kubeconfig string
	Context    string // empty: the local cluster
}

// Find returns the cluster that KUBECONFIG names, or else the local one, up or
// not. The kubeconfig of a clone's own cluster counts as none.
func Find(ctx context.Context, clone string) (Cluster, error) {
	local := Cluster{Clone: clone, Kubeconfig: node.Kubeconfig(clone)}
	named := os.Getenv("KUBECONFIG")
	if named == "" || named == local.Kubeconfig {
		return local, nil
	}
	current, err := run.Output(ctx, filepath.Join(clone, ".cluster/bin/kubectl"), "--kubeconfig", named, "config", "current-context")
	if err != nil {
		return local, fmt.Errorf("KUBECONFIG=%s names no cluster (unset it to use the local one): %w", named, err)
	}
	return Cluster{Clone: clone, Kubeconfig: named, Context: current}, nil
}

// Local says if it is the cluster that `make up` starts.
func (c Cluster) Local() bool { return c.Context == "" }

// Kubectl is a command line of kubectl on the cluster.
func (c Cluster) Kubectl(args ...string) run.Command { return c.program("kubectl", args) }

// Helm is a command line of helm on the cluster.
func (c Cluster) Helm(args ...string) run.Command { return c.program("helm", args) }

func (c Cluster) program(name string, args []string) run.Command {
	program := filepath.Join(c.Clone, ".cluster/bin", name)
	return run.Command{Args: append([]string{program, "--kubeconfig", c.Kubeconfig}, args...), Dir: c.Clone}
}

// Deliver makes an image available to the cluster's pods, and returns how they
// name it.
func (c Cluster) Deliver(ctx context.Context, built images.Built) (images.Built, error) {
	if c.Local() {
		return built, images.ToNode(ctx, built)
	}
	if registry := os.Getenv("VESSEL_REGISTRY"); registry != "" {
		return images.ToRegistry(ctx, built, registry)
	}
	if kind, found := strings.CutPrefix(c.Context, "kind-"); found {
		return built, images.ToKind(ctx, built, kind)
	}
	return built, errors.New("no way to bring images to " + c.Context + ": set VESSEL_REGISTRY to a registry (with a path) that you can push to and its nodes can pull from, or unset KUBECONFIG")
}
