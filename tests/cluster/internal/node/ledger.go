package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ledger is what has to be known to end a cluster and to clean up after it.
type ledger struct {
	Clone      string            `json:"clone"`
	Recipe     string            `json:"recipe"`
	Supervisor process           `json:"supervisor"`
	Sysctls    map[string]string `json:"sysctls"` // as they were before
}

// process is a process that no later one with the same number is taken for.
type process struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // clock ticks since boot, proc(5)
}

func ledgerPath() string { return filepath.Join(State, "ledger.json") }

// readLedger returns nil if there is no cluster, dead or alive.
func readLedger() (*ledger, error) {
	text, err := os.ReadFile(ledgerPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entry := new(ledger)
	if err := json.Unmarshal(text, entry); err != nil {
		return nil, fmt.Errorf("%s: %w (end the cluster by hand and delete the file)", ledgerPath(), err)
	}
	return entry, nil
}

func (l ledger) write() error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	partial := ledgerPath() + ".partial"
	if err := os.WriteFile(partial, text, 0o644); err != nil {
		return err
	}
	return os.Rename(partial, ledgerPath())
}

func identify(pid int) process { return process{PID: pid, Started: startOf(pid)} }

func (p process) alive() bool { return p.PID > 0 && p.Started != "" && startOf(p.PID) == p.Started }

// startOf is the start time of a process, empty if it isn't there or is a zombie.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold spaces; what follows it may not.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, threads, start = 0, 17, 19
	if len(fields) <= start {
		return ""
	}
	// While other threads of a zombie run, they are ending its PID namespace.
	if fields[state] == "Z" && (fields[threads] == "0" || fields[threads] == "1") {
		return ""
	}
	return fields[start]
}

// kill ends the process at once and waits until it is gone.
func (p process) kill() error {
	if !p.alive() {
		return nil
	}
	running, err := os.FindProcess(p.PID)
	if err != nil {
		return err
	}
	if err := running.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return until(10*time.Second, fmt.Sprintf("process %d did not end", p.PID), func() bool { return !p.alive() })
}

// until polls a local condition that has no event to wait for.
func until(limit time.Duration, otherwise string, done func() bool) error {
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New(otherwise)
		}
	}
	return nil
}
