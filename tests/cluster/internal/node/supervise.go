package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Supervise is the first process of the cluster's namespaces: it arranges
// them, starts the components, and reaps whatever ends there. It returns when
// a component has ended, and everything else ends with it.
func Supervise() error {
	// Until the other side has made the link and closes the pipe.
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if err := arrangeMounts(); err != nil {
		return fmt.Errorf("arrange mounts: %w", err)
	}
	if err := arrangeNetwork(); err != nil {
		return fmt.Errorf("arrange the network: %w", err)
	}
	keeper := newKeeper()
	go func() {
		if err := keeper.startAll(); err != nil {
			keeper.failed <- err
		}
	}()
	return <-keeper.failed
}

// arrangeMounts hides from the machine what the cluster mounts, and gives it
// folders of its own where programs have a path built in.
func arrangeMounts() error {
	mount := func(source, target, kind string, flags uintptr) error {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		return nil
	}
	return errors.Join(
		mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE),
		mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED),
		mount("proc", "/proc", "proc", 0),
		mount("tmpfs", "/run", "tmpfs", 0),
		mount(logs(), "/var/log", "", syscall.MS_BIND),
		// The CNI plugins' notes on their networks.
		mount("tmpfs", "/var/lib/cni", "tmpfs", 0),
	)
}

// nodeLink is the cluster's end of hostLink.
const nodeLink = "eth0"

func arrangeNetwork() error {
	commands := [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", NodeIP + "/30", "dev", nodeLink},
		{"link", "set", nodeLink, "up"},
		{"route", "add", "default", "via", HostIP},
	}
	for _, arguments := range commands {
		if err := run.Do(context.Background(), append([]string{"ip"}, arguments...)...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// keeper starts components and learns of it when one of them has ended.
type keeper struct {
	reaping sync.Once
	mutex   sync.Mutex
	running map[int]string // components by process
	failed  chan error     // what the cluster ends with
}

func newKeeper() *keeper {
	return &keeper{running: map[int]string{}, failed: make(chan error, 1)}
}

func (k *keeper) startAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	if err := forgetContainers(ctx); err != nil {
		return fmt.Errorf("forget the containers of the last cluster: %w", err)
	}
	if err := k.startStage(ctx, foundation()); err != nil {
		return err
	}
	return k.startStage(ctx, rest())
}

// startStage starts some components at once and waits until all are ready.
func (k *keeper) startStage(ctx context.Context, stage []component) error {
	for _, part := range stage {
		if err := k.start(part); err != nil {
			return fmt.Errorf("start %s: %w", part.name, err)
		}
	}
	for _, part := range stage {
		if part.ready == nil {
			continue
		}
		if err := await(ctx, part.name, part.ready); err != nil {
			return fmt.Errorf("%w\n%s", err, logEnd(part.name))
		}
	}
	return nil
}

func (k *keeper) start(part component) error {
	log, err := os.Create(logOf(part.name))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(part.args[0], part.args[1:]...)
	command.Stdout, command.Stderr = log, log
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if err := command.Start(); err != nil {
		return err
	}
	k.running[command.Process.Pid] = part.name
	k.reaping.Do(func() { go k.reap() }) // not before there is a child to wait for
	fmt.Printf("%s started %s\n", time.Now().UTC().Format(time.RFC3339), part.name)
	return nil
}

// reap takes in every process that ends in the namespace, the orphans of
// containers among them, and reports the first that is a component.
func (k *keeper) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			k.failed <- fmt.Errorf("wait for the components: %w", err)
			return
		}
		k.mutex.Lock()
		name, known := k.running[pid]
		k.mutex.Unlock()
		if known {
			k.failed <- fmt.Errorf("%s ended (exit code %d, signal %d)\n%s", name, status.ExitStatus(), status.Signal(), logEnd(name))
			return
		}
	}
}

func logOf(component string) string { return filepath.Join(logs(), component+".log") }

func logEnd(component string) string {
	return fmt.Sprintf("the end of %s:\n%s", logOf(component), run.Tail(logOf(component)))
}

// forgetContainers removes what containerd remembers of containers that died
// with the last cluster. Images stay: they are why its folder is kept.
func forgetContainers(ctx context.Context) error {
	containerd := foundation()[0]
	command := exec.CommandContext(ctx, containerd.args[0], containerd.args[1:]...)
	if err := command.Start(); err != nil {
		return err
	}
	if err := await(ctx, containerd.name, containerd.ready); err != nil {
		return err
	}
	known, err := run.Output(ctx, ctr("containers", "list", "--quiet")...)
	if err == nil && known != "" {
		err = run.Do(ctx, ctr(append([]string{"containers", "delete"}, strings.Fields(known)...)...)...)
	}
	if err != nil {
		return err
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = command.Wait() // it was told to end
	return os.RemoveAll(containerSocket())
}

// ctr is a command line of containerd's client for what Kubernetes sees.
func ctr(args ...string) []string {
	return append([]string{"ctr", "--address", containerSocket(), "--namespace", "k8s.io"}, args...)
}
