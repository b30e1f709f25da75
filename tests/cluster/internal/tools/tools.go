// Package tools builds the programs that the cluster and the checks need from
// their Go modules, once for each version.
package tools

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// The versions of what is built from the module proxy.
const (
	kubernetes  = "1.35.4"
	Versitygw   = "v1.8.0"
	kubeconform = "v0.8.0"
	cargoDeny   = "0.20.2"
	cargoFuzz   = "0.13.2"
)

// Kube is the path of the binary that holds every Kubernetes program; module
// is the folder of this module.
func Kube(ctx context.Context, module string) (string, error) {
	version, err := goVersion(ctx)
	if err != nil {
		return "", err
	}
	major, minor, _ := strings.Cut(kubernetes[:strings.LastIndexByte(kubernetes, '.')], ".")
	const versions = "k8s.io/component-base/version."
	flags := fmt.Sprintf("-s -w -X %sgitVersion=v%s -X %sgitMajor=%s -X %sgitMinor=%s", versions, kubernetes, versions, major, versions, minor)
	key := cache.Key{
		Texts: []string{version, flags},
		Files: []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"), filepath.Join(module, "cmd/kube/*.go")},
	}
	return build(ctx, "kube", key, "the Kubernetes programs (once, some minutes)", run.Command{
		Args: []string{"go", "build", "-trimpath", "-ldflags", flags, "-o", "", "./cmd/kube"},
		Dir:  module,
	})
}

// Pause is the path of the program that holds a pod's namespaces.
func Pause(ctx context.Context, module string) (string, error) {
	version, err := goVersion(ctx)
	if err != nil {
		return "", err
	}
	key := cache.Key{Texts: []string{version}, Files: []string{filepath.Join(module, "cmd/pause/*.go")}}
	return build(ctx, "pause", key, "the pause program", run.Command{
		Args: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", "", "./cmd/pause"},
		Dir:  module,
	})
}

// Store is the path of the S3 server of the chart's embedded store.
func Store(ctx context.Context) (string, error) {
	return install(ctx, "versitygw", "github.com/versity/versitygw/cmd/versitygw@"+Versitygw)
}

// Kubeconform is the path of the checker of manifests.
func Kubeconform(ctx context.Context) (string, error) {
	return install(ctx, "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform@"+kubeconform)
}

// CargoDeny is the path of the checker of dependencies.
func CargoDeny(ctx context.Context) (string, error) { return crate(ctx, "cargo-deny", cargoDeny) }

// CargoFuzz is the path of what builds and runs fuzz targets.
func CargoFuzz(ctx context.Context) (string, error) { return crate(ctx, "cargo-fuzz", cargoFuzz) }

// crate builds a program of the registry of crates by `cargo install`.
func crate(ctx context.Context, name, version string) (string, error) {
	folder, err := cache.Ensure(name, cache.Key{Texts: []string{version}}, func(dir string) error {
		fmt.Println("building", name)
		return run.Command{
			Args: []string{"cargo", "install", "--locked", "--quiet", "--version", version, "--root", dir, name},
			Env:  []string{"CARGO_TARGET_DIR=" + filepath.Join(dir, "target")},
			Log:  filepath.Join(dir, "build.log"),
		}.Do(ctx)
	})
	return filepath.Join(folder, "bin", name), err
}

// install builds a program of another module by `go install`, which takes the
// versions that its own go.mod names.
func install(ctx context.Context, name, module string) (string, error) {
	version, err := goVersion(ctx)
	if err != nil {
		return "", err
	}
	return build(ctx, name, cache.Key{Texts: []string{version, module}}, name, run.Command{
		Args: []string{"go", "install", "-trimpath", "-ldflags", "-s -w", module},
		Dir:  "/", // outside of this module, whose versions are others
	})
}

// build runs a command of go that leaves a program called name in the cache.
func build(ctx context.Context, name string, key cache.Key, what string, command run.Command) (string, error) {
	folder, err := cache.Ensure(name, key, func(dir string) error {
		fmt.Println("building", what)
		for i, argument := range command.Args {
			if argument == "-o" {
				command.Args[i+1] = filepath.Join(dir, name)
			}
		}
		command.Env = append(command.Env, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOBIN="+dir)
		command.Log = filepath.Join(dir, "build.log")
		return command.Do(ctx)
	})
	return filepath.Join(folder, name), err
}

func goVersion(ctx context.Context) (string, error) { return run.Output(ctx, "go", "env", "GOVERSION") }
