//go:build machine

// These tests start and end the one local cluster of this machine.

package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/machine"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

// workload has what leaves the most behind: a pod with a volume, and a Service.
const workload = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: sleeper}
spec: {type: NodePort, ports: [{port: 80}], selector: {app: sleeper}}
---
apiVersion: v1
kind: Pod
metadata: {name: sleeper, labels: {app: sleeper}}
spec:
  securityContext: {runAsNonRoot: true, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: sleeper
    image: docker.io/vesselmedia/pause:1
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`

func TestDownLeavesNothing(t *testing.T) {
	clone := t.TempDir()
	before := snapshot(t)
	startWithWorkload(t, clone)
	if err := node.Stop(clone); err != nil {
		t.Fatal(err)
	}
	nothingSince(t, before)
	if err := node.Stop(clone); err != nil {
		t.Errorf("down twice: %v", err)
	}
}

func TestDownAfterEverythingWasKilledLeavesNothing(t *testing.T) {
	clone := t.TempDir()
	before := snapshot(t)
	startWithWorkload(t, clone)
	killEverything(t)
	if err := node.Stop(clone); err != nil {
		t.Fatal(err)
	}
	nothingSince(t, before)
}

func TestUpStartsOverTheRemainsOfAnotherClone(t *testing.T) {
	before := snapshot(t)
	startWithWorkload(t, t.TempDir())
	killEverything(t)
	clone := t.TempDir()
	startWithWorkload(t, clone)
	if err := node.Stop(clone); err != nil {
		t.Fatal(err)
	}
	nothingSince(t, before)
}

func TestARunningClusterOfAnotherCloneIsNamedAndLeftAlone(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	startWithWorkload(t, first)
	for name, attempt := range map[string]func() error{
		"start": func() error { return node.Start(t.Context(), second, kube(t)) },
		"stop":  func() error { return node.Stop(second) },
	} {
		if err := attempt(); err == nil || !strings.Contains(err.Error(), first) {
			t.Errorf("%s from another clone: got %v, want an error that names %s", name, err, first)
		}
	}
	kubectl(t, first, "", "get", "pod", "sleeper", "--namespace=vessel")
	if err := node.Stop(first); err != nil {
		t.Fatal(err)
	}
}

func startWithWorkload(t *testing.T, clone string) {
	t.Helper()
	if err := node.Start(t.Context(), clone, kube(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(clone); err != nil && !t.Failed() {
			t.Logf("after the test: %v", err)
		}
	})
	pause, err := images.Pause(t.Context(), module(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := images.ToNode(t.Context(), pause); err != nil {
		t.Fatal(err)
	}
	kubectl(t, clone, workload, "apply", "--filename=-", "--namespace=vessel")
	kubectl(t, clone, "", "wait", "--for=condition=Ready", "pod/sleeper", "--namespace=vessel", "--timeout=60s")
	if running := snapshot(t)["process"]; len(running) < 8 {
		t.Fatalf("the snapshot sees just %v of the running cluster", running)
	}
}

func kubectl(t *testing.T, clone, in string, args ...string) {
	t.Helper()
	command := run.Command{
		Args: append([]string{filepath.Join(clone, ".cluster/bin/kubectl"), "--kubeconfig", node.Kubeconfig(clone)}, args...),
		In:   strings.NewReader(in),
	}
	if err := command.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// killEverything ends each process of the cluster as `kill -9` would, in no
// particular order, and waits until the last is gone.
func killEverything(t *testing.T) {
	t.Helper()
	pids := node.Processes()
	if len(pids) < 8 {
		t.Fatalf("the cluster has just the processes %v", pids)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(node.Status(), "remains"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("killed, and yet: %s", node.Status())
		}
	}
}

func snapshot(t *testing.T) machine.Snapshot {
	t.Helper()
	taken, err := machine.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func nothingSince(t *testing.T, before machine.Snapshot) {
	t.Helper()
	for _, left := range snapshot(t).Since(before) {
		t.Errorf("left behind: %s", left)
	}
}

func kube(t *testing.T) string {
	t.Helper()
	path, err := tools.Kube(t.Context(), module(t))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func module(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	// The supervisor is this program, called once more.
	if len(os.Args) == 2 && os.Args[1] == node.SuperviseArgument {
		println(node.Supervise().Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}
