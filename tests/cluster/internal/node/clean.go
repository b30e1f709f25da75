package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// clean ends whatever the ledger names and removes every trace of it. It works
// from any point at which a start, a cluster or a former clean was killed.
func clean() error {
	entry, err := readLedger()
	if err != nil {
		return err
	}
	if entry != nil {
		if err := entry.Supervisor.kill(); err != nil {
			return err
		}
		if err := setSysctls(entry.Sysctls); err != nil {
			return err
		}
	}
	return errors.Join(removeCgroups(), removeLink(), removeState())
}

// removeState deletes the folder, the ledger last: while there is something to
// clean, the ledger says so.
func removeState() error {
	entries, err := os.ReadDir(State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if path := filepath.Join(State, entry.Name()); path != ledgerPath() {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(State)
}

// removeLink removes both ends of the link. The kernel does so too after the
// last process of the network namespace, but in its own time.
func removeLink() error {
	gone := func() bool {
		_, err := net.InterfaceByName(hostLink)
		return err != nil
	}
	if gone() {
		return nil
	}
	err := run.Do(context.Background(), "ip", "link", "delete", hostLink)
	if err != nil && gone() {
		return nil // the kernel was faster
	}
	return err
}

// cgroups are the folders of the cluster, one in each hierarchy: many in
// cgroup v1, one in v2, some of both in a hybrid.
func cgroups() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		const folder, kind = 1, 2
		if strings.HasPrefix(fields[kind], "cgroup") {
			found = append(found, filepath.Join(fields[folder], cgroup))
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no cgroup file system is mounted: mount one at /sys/fs/cgroup")
	}
	return found, nil
}

func makeCgroups() error {
	folders, err := cgroups()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
	}
	return nil
}

func removeCgroups() error {
	folders, err := cgroups()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		// A cgroup can be removed once the last of its processes is reaped.
		err := until(10*time.Second, "processes are left in "+folder, func() bool { return removeTree(folder) })
		if err != nil {
			return err
		}
	}
	return nil
}

// removeTree removes a cgroup with those inside it, and says if it is gone.
func removeTree(folder string) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			removeTree(filepath.Join(folder, entry.Name()))
		}
	}
	return os.Remove(folder) == nil
}

// kubeletSysctls are the settings of the whole machine that a kubelet changes.
var kubeletSysctls = []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}

func readSysctls() (map[string]string, error) {
	values := map[string]string{}
	for _, name := range kubeletSysctls {
		text, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			return nil, err
		}
		values[name] = strings.TrimSpace(string(text))
	}
	return values, nil
}

func setSysctls(values map[string]string) error {
	for name, value := range values {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}
