package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/debian"
	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/machine"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/target"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

// checker runs commands in one clone.
type checker struct {
	clone  string
	folder string           // of the clone, in which the commands run
	before machine.Snapshot // of this machine, before the cluster
}

func stages(clone string) []stage {
	c := &checker{clone: clone, folder: clone}
	cluster := c.in("tests/cluster")
	charts := c.in("charts/tests")
	web := c.in("origin/web")
	return []stage{
		{name: "format of Rust", run: c.plain("cargo", "fmt", "--all", "--check")},
		{name: "format of Go", run: c.silent("gofmt", "-l", "tests/cluster", "charts/tests")},
		// Not cmd/kube: its lints would read all of Kubernetes.
		{name: "lints of Go", run: cluster.plain("go", "vet", "-tags", "machine", "./cmd/check", "./cmd/cluster", "./cmd/fuzz", "./cmd/pause", "./internal/...")},
		{name: "tests of Go", run: cluster.counted(countGo, "go", "test", "-json", "-count=1", "./cmd/check", "./internal/...")},
		{name: "lints of Rust", run: c.plain("cargo", "clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings")},
		{name: "unit tests of Rust", run: c.unit},
		{name: "generated files", run: c.plain("cargo", "run", "--quiet", "--locked", "--package", "vessel-crds", "--bin", "crdgen", "--", "--check")},
		{name: "licences, bans and sources", run: c.deny("licenses", "bans", "sources")},
		{name: "advisories", run: c.advisories},
		{name: "packages of the watch page", run: web.plain("npm", "ci", "--no-audit", "--no-fund")},
		{name: "types of the watch page", run: web.plain("npm", "run", "check")},
		{name: "tests of the watch page", run: web.counted(countNode, "npm", "test", "--", "--test-reporter=spec")},
		// -count=1: what these tests read is outside of their module, where Go's cache doesn't look.
		{name: "tests of the chart", run: charts.counted(countGo, "go", "test", "-json", "-count=1", "./...")},
		{name: "manifests of the chart", run: c.manifests},
		{name: "binaries of the images", run: c.plain("make", "dist")},
		{name: "sizes of the images", run: c.plain(".cluster/bin/cluster", "images")},
		{name: bringUp, run: c.up},
		{name: "end to end", onCluster: true, run: c.endToEnd},
		{name: "cluster down leaves nothing", onCluster: true, run: c.down},
		{name: "killed clusters leave nothing", onCluster: true, run: c.killed},
	}
}

// in is the same for a folder of the clone.
func (c *checker) in(folder string) *checker {
	return &checker{clone: c.clone, folder: filepath.Join(c.clone, folder)}
}

// log is where the output of a command is kept.
func (c *checker) log(args []string) string {
	words := append([]string{filepath.Base(c.folder), filepath.Base(args[0])}, args[1:min(4, len(args))]...)
	name := strings.NewReplacer("/", "", ".", "").Replace(strings.Join(words, "-"))
	return filepath.Join(c.clone, ".cluster/check", name+".log")
}

// plain is one check: that a command succeeds.
func (c *checker) plain(args ...string) func(context.Context) tally {
	return func(ctx context.Context) tally {
		return outcome(run.Command{Args: args, Dir: c.folder, Log: c.log(args)}.Do(ctx))
	}
}

// silent is one check: that a command succeeds and prints nothing.
func (c *checker) silent(args ...string) func(context.Context) tally {
	return func(ctx context.Context) tally {
		output, err := run.Command{Args: args, Dir: c.folder}.Output(ctx)
		if err == nil && output != "" {
			err = fmt.Errorf("%s:\n%s", strings.Join(args, " "), output)
		}
		return outcome(err)
	}
}

// counted is as many checks as the command's output says.
func (c *checker) counted(count func(output string) tally, args ...string) func(context.Context) tally {
	return func(ctx context.Context) tally {
		return c.count(ctx, count, run.Command{Args: args})
	}
}

func (c *checker) count(ctx context.Context, count func(output string) tally, command run.Command) tally {
	command.Dir, command.Log = c.folder, c.log(command.Args)
	err := command.Do(ctx)
	found := count(read(command.Log))
	if err == nil && found.passed == 0 {
		err = fmt.Errorf("%s ran no test; its log: %s", strings.Join(command.Args, " "), command.Log)
	}
	if err != nil {
		found.failed = max(found.failed, 1)
		found.why = err.Error()
	}
	return found
}

func outcome(err error) tally {
	if err != nil {
		return tally{failed: 1, why: err.Error()}
	}
	return tally{passed: 1}
}

// unit runs the tests of the crates, with the real S3 server and the real ffmpeg.
func (c *checker) unit(ctx context.Context) tally {
	packages := slices.Clone(images.Packages)
	// Some recordings of the media cases come from PyPI.
	pip := run.Command{Args: []string{"python3", "-m", "pip", "--version"}, Dir: c.folder}
	if _, err := pip.Output(ctx); err != nil {
		packages = append(packages, "python3-pip")
	}
	if err := debian.Ensure(ctx, packages...); err != nil {
		return outcome(err)
	}
	store, err := tools.Store(ctx)
	if err != nil {
		return outcome(err)
	}
	ffmpeg, err := images.Ffmpeg(ctx, c.clone)
	if err != nil {
		return outcome(err)
	}
	return c.count(ctx, countCargo, run.Command{
		Args: []string{"cargo", "test", "--locked", "--workspace", "--exclude", "vessel-e2e", "--no-fail-fast"},
		Env:  []string{"PATH=" + filepath.Dir(store) + ":" + os.Getenv("PATH"), "VESSEL_FFMPEG_ROOT=" + ffmpeg},
	})
}

func (c *checker) deny(checks ...string) func(context.Context) tally {
	return func(ctx context.Context) tally {
		program, err := tools.CargoDeny(ctx)
		if err != nil {
			return outcome(err)
		}
		args := append([]string{program, "--locked", "--log-level", "error", "check"}, checks...)
		return outcome(run.Command{Args: args, Dir: c.folder}.Do(ctx))
	}
}

// advisories needs the database, which stands on a server of its own: where it
// is out of reach nothing can be said.
func (c *checker) advisories(ctx context.Context) tally {
	program, err := tools.CargoDeny(ctx)
	if err != nil {
		return outcome(err)
	}
	if err := (run.Command{Args: []string{program, "fetch", "db"}, Dir: c.folder}).Do(ctx); err != nil {
		return tally{skipped: 1, note: "the database of advisories is out of reach"}
	}
	return c.deny("advisories")(ctx)
}

// up starts a new cluster with the release, on a machine that was looked at
// before; a cluster of the user's must be named twice.
func (c *checker) up(ctx context.Context) tally {
	cluster, err := target.Find(ctx, c.clone)
	if err != nil {
		return outcome(err)
	}
	if !cluster.Local() {
		if os.Getenv("VESSEL_TEST_CONTEXT") != cluster.Context {
			return outcome(fmt.Errorf("KUBECONFIG names the cluster %q, in which the tests create and delete much: set VESSEL_TEST_CONTEXT=%s to say that you mean it", cluster.Context, cluster.Context))
		}
		return c.plain(".cluster/bin/cluster", "up")(ctx)
	}
	if err := node.Stop(c.clone); err != nil {
		return outcome(err)
	}
	if c.before, err = machine.Take(ctx); err != nil {
		return outcome(err)
	}
	return c.plain(".cluster/bin/cluster", "up")(ctx)
}

func (c *checker) endToEnd(ctx context.Context) tally {
	if err := debian.Ensure(ctx, "ffmpeg", "chromium", "chromium-driver"); err != nil {
		return outcome(err)
	}
	cluster, err := target.Find(ctx, c.clone)
	if err != nil {
		return outcome(err)
	}
	return c.count(ctx, countCargo, run.Command{
		Args: []string{"cargo", "test", "--locked", "--package", "vessel-e2e", "--no-fail-fast"},
		Env: []string{
			"KUBECONFIG=" + cluster.Kubeconfig,
			"PATH=" + filepath.Join(c.clone, ".cluster/bin") + ":" + os.Getenv("PATH"),
			"VESSEL_AUDIT_LOG=" + node.AuditLog(),
		},
	})
}

// down ends the cluster that the tests ran on, and looks at the machine again.
func (c *checker) down(ctx context.Context) tally {
	if c.before == nil {
		return tally{skipped: 1, note: "nothing was started"}
	}
	if err := node.Stop(c.clone); err != nil {
		return outcome(err)
	}
	after, err := machine.Take(ctx)
	if err == nil {
		if left := after.Since(c.before); len(left) > 0 {
			err = fmt.Errorf("left behind:\n%s", strings.Join(left, "\n"))
		}
	}
	return outcome(err)
}

func (c *checker) killed(ctx context.Context) tally {
	if c.before == nil {
		return tally{skipped: 1, note: "nothing was started"}
	}
	return c.in("tests/cluster").count(ctx, countGo, run.Command{
		Args: []string{"go", "test", "-json", "-count=1", "-tags", "machine", "./internal/node"},
	})
}
