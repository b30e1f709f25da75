// Package chart_test holds the chart to its promises, with Helm's own engine and without a
// cluster.
package chart_test

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const chartDir = "../vessel"

// values are what a user gives.
type values = map[string]any

// manifests are what the chart makes of them, by kind and name, and its notes.
type manifests struct {
	objects []*unstructured.Unstructured
	notes   string
}

// render is `helm template` of a release of that name in the namespace of the same name.
func render(release string, given values) (manifests, error) {
	var rendered manifests
	chart, err := loader.Load(chartDir)
	if err != nil {
		return rendered, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: release, Revision: 1, IsInstall: true}
	capabilities := common.DefaultCapabilities
	all, err := util.ToRenderValues(chart, given, options, capabilities)
	if err != nil {
		return rendered, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return rendered, err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(path, "NOTES.txt") {
			rendered.notes = files[path]
			continue
		}
		if err := rendered.read(files[path]); err != nil {
			return rendered, err
		}
	}
	return rendered, nil
}

func (m *manifests) read(text string) error {
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		object := map[string]any{}
		if err := sigsyaml.Unmarshal(document, &object); err != nil {
			return err
		}
		if len(object) > 0 {
			m.objects = append(m.objects, &unstructured.Unstructured{Object: object})
		}
	}
}

// mustRender renders the release `vessel`.
func mustRender(t *testing.T, given values) manifests {
	t.Helper()
	rendered, err := render("vessel", given)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func (m manifests) find(kind, name string) *unstructured.Unstructured {
	for _, object := range m.objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	return nil
}

// get is the object, or the end of the test.
func (m manifests) get(t *testing.T, kind, name string) *unstructured.Unstructured {
	t.Helper()
	object := m.find(kind, name)
	if object == nil {
		t.Fatalf("there is no %s %s among %v", kind, name, m.names())
	}
	return object
}

// names of all objects, sorted: `Kind/name`.
func (m manifests) names() []string {
	var names []string
	for _, object := range m.objects {
		names = append(names, object.GetKind()+"/"+object.GetName())
	}
	slices.Sort(names)
	return names
}

// podSpecs are the specs of all pods that the chart brings, by the name of their owner.
func (m manifests) podSpecs() map[string]map[string]any {
	specs := map[string]map[string]any{}
	for _, object := range m.objects {
		spec, found, _ := unstructured.NestedMap(object.Object, "spec", "template", "spec")
		if found {
			specs[object.GetKind()+"/"+object.GetName()] = spec
		}
	}
	return specs
}

// settings are the operator's config.yaml.
func (m manifests) settings(t *testing.T) map[string]any {
	t.Helper()
	return parse(t, m.data(t, "vessel-config")["config.yaml"])
}

// defaults are the manifests that the operator applies, by `Kind/name`.
func (m manifests) defaults(t *testing.T) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for _, text := range m.data(t, "vessel-defaults") {
		object := unstructured.Unstructured{Object: parse(t, text)}
		found[object.GetKind()+"/"+object.GetName()] = object.Object
	}
	return found
}

func (m manifests) data(t *testing.T, configMap string) map[string]string {
	t.Helper()
	data, _, err := unstructured.NestedStringMap(m.get(t, "ConfigMap", configMap).Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := sigsyaml.UnmarshalStrict([]byte(text), &object); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return object
}

// given reads a YAML text as a user's values.
func given(t *testing.T, text string) values {
	t.Helper()
	return parse(t, text)
}

// examples are the values files of the chart, by name.
func examples(t *testing.T) map[string]values {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	found := map[string]values{"default": {}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), "-values.yaml")] = given(t, string(text))
	}
	return found
}
