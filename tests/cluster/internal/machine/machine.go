// Package machine looks at what a cluster could leave behind on a machine.
package machine

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Snapshot is what there is of each kind, in order.
type Snapshot map[string][]string

// Take looks at processes, mounts, interfaces, routes, network namespaces,
// packet rules, cgroups, kernel settings and folders.
func Take(ctx context.Context) (Snapshot, error) {
	snapshot := Snapshot{}
	for kind, read := range map[string]func(context.Context) ([]string, error){
		"process":           processes,
		"mount":             mounts,
		"cgroup":            cgroups,
		"interface":         lines("ip", "-oneline", "link", "show"),
		"route":             lines("ip", "route", "show", "table", "all"),
		"network namespace": lines("ip", "netns", "list"),
		"packet rule":       lines("iptables-save"),
		"packet rule of v6": lines("ip6tables-save"),
		"kernel setting":    lines("sysctl", "vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops", "net.ipv4.ip_forward"),
		"folder":            folders,
	} {
		found, err := read(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at each %s: %w", kind, err)
		}
		slices.Sort(found)
		snapshot[kind] = found
	}
	return snapshot, nil
}

// Since lists what is there now and was not before.
func (s Snapshot) Since(before Snapshot) []string {
	var left []string
	for kind, found := range s {
		for _, one := range found {
			if !slices.Contains(before[kind], one) {
				left = append(left, kind+": "+one)
			}
		}
	}
	slices.Sort(left)
	return left
}

func lines(args ...string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		output, err := run.Output(ctx, args...)
		var kept []string
		for line := range strings.Lines(output) {
			// Comments of iptables-save hold the time.
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				kept = append(kept, line)
			}
		}
		return kept, err
	}
}

// components are the names that the processes of a cluster have. Others that
// live in namespaces, such as a browser's, come and go on any machine.
var components = []string{"containerd", "coredns", "etcd", "kube", "runc", "pause", "vessel-", "versitygw", "ffmpeg"}

// processes are those of a cluster, which are all in another PID namespace
// than this one.
func processes(context.Context) ([]string, error) {
	here, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, err
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, folder := range folders {
		namespace, _ := os.Readlink(filepath.Join(folder, "ns/pid")) // empty: it has ended
		text, err := os.ReadFile(filepath.Join(folder, "comm"))
		if err != nil || namespace == "" || namespace == here {
			continue
		}
		name := strings.TrimSpace(string(text))
		if slices.ContainsFunc(components, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			found = append(found, filepath.Base(folder)+" "+name)
		}
	}
	return found, nil
}

func mounts(context.Context) ([]string, error) {
	text, err := os.ReadFile("/proc/self/mounts")
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

func cgroups(context.Context) ([]string, error) {
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			found = append(found, path)
		}
		return nil // one that went away while we looked
	})
	return found, err
}

func folders(context.Context) ([]string, error) {
	var found []string
	for _, pattern := range []string{"/var/lib/*", "/var/lib/cni/*", "/run/containerd/*", "/run/netns/*", "/var/log/pods/*", "/var/log/containers/*", "/etc/cni/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		found = append(found, paths...)
	}
	return found, nil
}
