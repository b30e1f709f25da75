package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/schemas"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

// elsewhere are kinds of others whose schemas this machine does not have.
const elsewhere = "CustomResourceDefinition,HTTPRoute,ServiceMonitor"

// manifests renders the chart with each of its sets of values, lints it, and
// holds every object, and those of config/samples, against its schema.
func (c *checker) manifests(ctx context.Context) (found tally) {
	folder, err := os.MkdirTemp("", "vessel-manifests-")
	if err != nil {
		return outcome(err)
	}
	defer os.RemoveAll(folder)
	if err := c.render(ctx, folder); err != nil {
		return outcome(err)
	}
	located, err := c.schemas(ctx)
	if err != nil {
		return outcome(err)
	}
	program, err := tools.Kubeconform(ctx)
	if err != nil {
		return outcome(err)
	}
	found = c.count(ctx, countKubeconform, run.Command{Args: []string{
		program, "-strict", "-summary", "-output", "json", "-skip", elsewhere,
		"-schema-location", filepath.Join(located, schemas.Location), folder, filepath.Join(c.clone, "config/samples"),
	}})
	found.note = "kubeconform, without " + elsewhere
	return found
}

func (c *checker) render(ctx context.Context, folder string) error {
	kube, err := tools.Kube(ctx, filepath.Join(c.clone, "tests/cluster"))
	if err != nil {
		return err
	}
	if err := node.LinkPrograms(c.clone, kube); err != nil {
		return err
	}
	sets, err := filepath.Glob(filepath.Join(c.clone, "charts/vessel/ci/*-values.yaml"))
	if err != nil {
		return err
	}
	helm := filepath.Join(c.clone, ".cluster/bin/helm")
	chart := filepath.Join(c.clone, "charts/vessel")
	for _, values := range append(sets, filepath.Join(c.clone, "tests/cluster/values.yaml")) {
		if err := run.Do(ctx, helm, "lint", "--strict", chart, "--values", values); err != nil {
			return err
		}
		text, err := run.Output(ctx, helm, "template", "vessel", chart, "--namespace", "vessel", "--values", values)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(values), ".yaml")
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// schemas are those of the cluster's version of Kubernetes, and of the CRDs.
func (c *checker) schemas(ctx context.Context) (string, error) {
	kubernetes, err := run.Command{
		Args: []string{"go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"},
		Dir:  filepath.Join(c.clone, "tests/cluster"),
	}.Output(ctx)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(c.clone, ".cluster/schemas")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	if err := schemas.WriteKubernetes(filepath.Join(kubernetes, "api/openapi-spec/swagger.json"), folder); err != nil {
		return "", fmt.Errorf("schemas of Kubernetes: %w", err)
	}
	return folder, schemas.WriteCustom(filepath.Join(c.clone, "crds"), folder)
}
