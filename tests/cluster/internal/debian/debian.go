// Package debian installs what the commands need from Debian's archive.
package debian

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Ensure installs the packages that are missing. At a terminal it asks first;
// elsewhere nobody could answer.
func Ensure(ctx context.Context, packages ...string) error {
	missing := absent(ctx, packages)
	if len(missing) == 0 {
		return nil
	}
	command := "apt-get install --no-install-recommends " + strings.Join(missing, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("packages are missing: run `sudo %s`", command)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("the local cluster needs Debian's packages %s: set KUBECONFIG to use a cluster of yours", strings.Join(missing, " "))
	}
	if !agreed(command) {
		return errors.New("nothing was installed; the local cluster can't start without it")
	}
	fmt.Println(command)
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	if err := aptGet(ctx, append([]string{"install", "--yes", "--no-install-recommends"}, missing...)...); err != nil {
		return err
	}
	return stopServices(ctx, missing)
}

// File is the path of a file from a package, which is unpacked into the cache
// and not installed; name is its path in the package.
func File(ctx context.Context, pack, name string) (string, error) {
	folder, err := cache.Ensure("packages", cache.Key{Texts: []string{pack}}, func(dir string) error {
		if err := aptGet(ctx, "update"); err != nil {
			return err
		}
		download := run.Command{Args: []string{"apt-get", "--quiet", "download", "--option=APT::Sandbox::User=root", pack}, Dir: dir}
		if err := download.Do(ctx); err != nil {
			return err
		}
		archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
		if err != nil || len(archives) != 1 {
			return fmt.Errorf("downloaded %v for the package %s: %w", archives, pack, err)
		}
		return run.Do(ctx, "dpkg-deb", "--extract", archives[0], dir)
	})
	return filepath.Join(folder, name), err
}

func absent(ctx context.Context, packages []string) []string {
	var missing []string
	for _, name := range packages {
		status, err := run.Output(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Status}", name)
		if err != nil || status != "installed" {
			missing = append(missing, name)
		}
	}
	return missing
}

func agreed(command string) bool {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return true
	}
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(info, null) {
		return true
	}
	fmt.Printf("This machine lacks packages. Run `%s`? [Y/n] ", command)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	return !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "n")
}

func aptGet(ctx context.Context, args ...string) error {
	command := run.Command{Args: append([]string{"apt-get", "--quiet"}, args...), Env: []string{"DEBIAN_FRONTEND=noninteractive"}}
	return command.Do(ctx)
}

// stopServices ends the daemons that a package started on installation: the
// cluster runs its own.
func stopServices(ctx context.Context, installed []string) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	services := map[string]string{"containerd": "containerd.service", "etcd-server": "etcd.service"}
	for _, name := range installed {
		if service, found := services[name]; found {
			if err := run.Do(ctx, "systemctl", "disable", "--now", service); err != nil {
				return err
			}
		}
	}
	return nil
}
