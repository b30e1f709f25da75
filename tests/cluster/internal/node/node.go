// Package node runs a real single-node Kubernetes on this machine.
//
// All of it lives in a PID, a mount and a network namespace of its own, whose
// first process is the supervisor: when that dies, of whatever cause, the
// kernel ends every process, container and shim and takes away every mount,
// interface and packet rule. Only a cgroup, a folder and a few settings of the
// kernel are left to clean, and the ledger knows them.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Where things are. The addresses are from 198.18.0.0/15, which RFC 2544
// reserves for benchmarks: they collide with no network that is in use.
const (
	State       = "/var/lib/vessel-cluster"
	lockFile    = "/run/lock/vessel-cluster.lock"
	Name        = "vessel"
	HostIP      = "198.18.0.1" // this machine, seen from the cluster
	NodeIP      = "198.18.0.2" // the node, seen from this machine
	podCIDR     = "198.18.64.0/20"
	serviceCIDR = "198.19.0.0/16"
	apiService  = "198.19.0.1" // the first address of serviceCIDR
	allCIDR     = "198.18.0.0/15"
	hostLink    = "vessel0"
	cgroup      = "vessel-cluster"
	provisioner = "vessel.media/folders"
	startWithin = 3 * time.Minute
)

// PauseImage holds the namespaces of each pod.
const (
	PauseImage = "docker.io/vesselmedia/pause"
	PauseTag   = "1"
)

// Packages are Debian's part of the node.
var Packages = []string{"conntrack", "containerd", "containernetworking-plugins", "etcd-server", "iproute2", "iptables", "runc"}

// Start brings the cluster up for a clone, with the binary that holds the
// Kubernetes programs; with the cluster of that clone already up it changes
// nothing. Readiness is the node's own.
func Start(ctx context.Context, clone, kube string) error {
	if os.Geteuid() != 0 {
		return errors.New("the local cluster needs root (containers, namespaces): run as root, or set KUBECONFIG to a cluster of yours")
	}
	unlock, err := cache.Lock(lockFile)
	if err != nil {
		return err
	}
	defer unlock()
	recipe, err := recipe(kube)
	if err != nil {
		return err
	}
	running, err := inspect(clone)
	if err != nil {
		return err
	}
	if running != nil && running.Recipe == recipe {
		return writeAccess(clone, kube)
	}
	if err := clean(); err != nil {
		return err
	}
	if err := start(ctx, clone, kube, recipe); err != nil {
		return errors.Join(err, clean())
	}
	return writeAccess(clone, kube)
}

// Stop takes the cluster of a clone down, or what a killed one left behind.
func Stop(clone string) error {
	unlock, err := cache.Lock(lockFile)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := inspect(clone); err != nil {
		return err
	}
	if err := clean(); err != nil {
		return err
	}
	return removeAccess(clone)
}

// Status says in one line what runs on this machine.
func Status() string {
	entry, err := readLedger()
	switch {
	case err != nil:
		return err.Error()
	case entry == nil:
		return "no cluster"
	case !entry.Supervisor.alive():
		return "the remains of a cluster of " + entry.Clone
	}
	return fmt.Sprintf("the cluster of %s runs (supervisor: process %d, logs: %s)", entry.Clone, entry.Supervisor.PID, logs())
}

// inspect returns the ledger of the clone's running cluster, nil if none runs,
// and an error if one of another clone does.
func inspect(clone string) (*ledger, error) {
	entry, err := readLedger()
	if err != nil || entry == nil || !entry.Supervisor.alive() {
		return nil, err
	}
	if entry.Clone == clone {
		return entry, nil
	}
	if _, err := os.Stat(entry.Clone); errors.Is(err, os.ErrNotExist) {
		return nil, nil // its clone was deleted: nobody can stop it from there
	}
	return nil, fmt.Errorf("a cluster of another clone runs on this machine (one is the limit): run `make down` in %s first", entry.Clone)
}

func start(ctx context.Context, clone, kube, recipe string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("the cluster was not ready within %s", startWithin))
	defer cancel()
	if err := prepare(kube); err != nil {
		return err
	}
	supervisor, err := launch(clone, recipe)
	if err != nil {
		return err
	}
	ready := make(chan error, 1)
	go func() { ready <- awaitNode(ctx, kube) }()
	select {
	case err = <-ready:
	case <-supervisor.dead:
		err = errors.New("the cluster ended while it was starting")
	}
	if err != nil {
		return fmt.Errorf("%w\n%s\nall logs: %s", err, run.Tail(supervisorLog()), keepLogs(clone))
	}
	return nil
}

// prepare fills the state folder with what the components read.
func prepare(kube string) error {
	if err := os.MkdirAll(logs(), 0o755); err != nil {
		return err
	}
	if err := writePKI(); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	if err := writeConfig(); err != nil {
		return fmt.Errorf("settings of the components: %w", err)
	}
	return os.Symlink(kube, kubeLink())
}

// awaitNode waits until the API answers, applies what every cluster has, and
// waits until pods can be scheduled.
func awaitNode(ctx context.Context, kube string) error {
	if err := await(ctx, "the API server", func() error { return get("https://" + NodeIP + ":6443/readyz") }); err != nil {
		return err
	}
	kubectl := func(args ...string) error {
		return run.Do(ctx, append([]string{kube, "kubectl", "--kubeconfig", kubeconfigPath("admin")}, args...)...)
	}
	if err := kubectl("apply", "--server-side", "-f", configPath("cluster.yaml")); err != nil {
		return err
	}
	if err := kubectl("wait", "--for=create", "node/"+Name, "--timeout=60s"); err != nil {
		return err
	}
	if err := kubectl("wait", "--for=condition=Ready", "node/"+Name, "--timeout=60s"); err != nil {
		return err
	}
	return kubectl("wait", "--for=create", "serviceaccount/default", "--namespace=vessel", "--timeout=60s")
}

func kubeLink() string { return filepath.Join(State, "kube") }
func logs() string     { return filepath.Join(State, "log") }

// AuditLog is where the API server writes who of the workloads asked what.
func AuditLog() string { return filepath.Join(logs(), "audit.log") }

func supervisorLog() string { return filepath.Join(logs(), "supervisor.log") }

// Processes are those of the running cluster, its containers' among them: all
// that are in the supervisor's PID namespace.
func Processes() []int {
	entry, err := readLedger()
	if err != nil || entry == nil {
		return nil
	}
	namespace := func(pid string) string {
		link, err := os.Readlink(filepath.Join("/proc", pid, "ns/pid"))
		if err != nil {
			return "" // it has ended
		}
		return link
	}
	inside := namespace(strconv.Itoa(entry.Supervisor.PID))
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	var found []int
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err == nil && inside != "" && namespace(filepath.Base(folder)) == inside {
			found = append(found, pid)
		}
	}
	return found
}
