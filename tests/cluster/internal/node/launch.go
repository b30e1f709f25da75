package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// SuperviseArgument is what this program is called with to be the first
// process of the cluster's namespaces.
const SuperviseArgument = "supervise"

type launched struct {
	dead chan struct{} // closed when the supervisor has ended
}

// launch starts the supervisor in new namespaces, connects them to this
// machine, and lets it go on.
func launch(clone, recipe string) (*launched, error) {
	sysctls, err := readSysctls()
	if err != nil {
		return nil, err
	}
	if err := makeCgroups(); err != nil {
		return nil, err
	}
	command, release, err := startSupervisor()
	if err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	started := &launched{dead: make(chan struct{})}
	go func() {
		_ = command.Wait() // how it ended is in its log
		close(started.dead)
	}()
	entry := ledger{Clone: clone, Recipe: recipe, Supervisor: identify(command.Process.Pid), Sysctls: sysctls}
	if err := entry.write(); err != nil {
		return nil, errors.Join(err, command.Process.Kill())
	}
	if err := connect(command.Process.Pid); err != nil {
		return nil, err
	}
	return started, release.Close()
}

// startSupervisor returns the supervisor, which waits until release is closed.
func startSupervisor() (command *exec.Cmd, release *os.File, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	log, err := os.Create(supervisorLog())
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	gate, release, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer gate.Close()
	command = exec.Command(self, SuperviseArgument)
	command.Dir = "/"
	command.Stdin, command.Stdout, command.Stderr = gate, log, log
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Setsid:     true, // an interrupt at the terminal is not meant for the cluster
	}
	return command, release, command.Start()
}

// connect makes the link between this machine and the network namespace of a
// process: one end here, the other there.
func connect(pid int) error {
	commands := [][]string{
		{"link", "add", hostLink, "type", "veth", "peer", "name", nodeLink, "netns", strconv.Itoa(pid)},
		{"address", "add", HostIP + "/30", "dev", hostLink},
		{"link", "set", hostLink, "up"},
		{"route", "add", allCIDR, "via", NodeIP},
	}
	for _, arguments := range commands {
		if err := run.Do(context.Background(), append([]string{"ip"}, arguments...)...); err != nil {
			return fmt.Errorf("connect the cluster to this machine (is %s in use?): %w", allCIDR, err)
		}
	}
	return nil
}

// keepLogs moves the logs of a cluster that did not start to where they stay.
func keepLogs(clone string) string {
	kept := filepath.Join(clone, ".cluster", "failed-start")
	err := errors.Join(os.RemoveAll(kept), os.MkdirAll(filepath.Dir(kept), 0o755), os.CopyFS(kept, os.DirFS(logs())))
	if err != nil {
		return fmt.Sprintf("lost: %v", err)
	}
	return kept
}

// await repeats a probe until it succeeds or the context ends.
func await(ctx context.Context, what string, probe func() error) error {
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%w)", what, err, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// prober asks endpoints of this cluster alone, whose authority is as new as
// the cluster is.
var prober = http.Client{
	Timeout:   2 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

func get(url string) error {
	response, err := prober.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

func dial(socket string) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	return connection.Close()
}
