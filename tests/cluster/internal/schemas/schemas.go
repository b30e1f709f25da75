// Package schemas writes JSON schemas of Kubernetes' and Vessel's kinds for
// kubeconform, from what the modules and this clone hold: no network, and the
// very version that the cluster runs.
package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Location is how kubeconform finds the schema of a kind below a folder.
const Location = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"

// schema is a JSON schema, or a part of one.
type schema = map[string]any

// WriteKubernetes writes a schema for each kind of an OpenAPI document of the
// API server (v2, swagger.json).
func WriteKubernetes(document, folder string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var api struct {
		Definitions map[string]schema `json:"definitions"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	loosen(api.Definitions)
	const shared = "definitions.json"
	for name, definition := range api.Definitions {
		close(definition)
		for _, kind := range kindsOf(definition) {
			reference := schema{"$ref": shared + "#/definitions/" + name}
			if err := write(filepath.Join(folder, kind), reference); err != nil {
				return err
			}
		}
	}
	return write(filepath.Join(folder, shared), schema{"definitions": api.Definitions})
}

// loosen says of two types what their notation in OpenAPI v2 can't: that
// numbers are taken too.
func loosen(definitions map[string]schema) {
	for _, name := range []string{"io.k8s.apimachinery.pkg.util.intstr.IntOrString", "io.k8s.apimachinery.pkg.api.resource.Quantity"} {
		definitions[name] = schema{"type": []string{"string", "number"}}
	}
}

// kindsOf are the file names of a definition: none unless it is a kind.
func kindsOf(definition schema) []string {
	kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
	var names []string
	for _, one := range kinds {
		kind, _ := one.(schema)
		group, _ := kind["group"].(string)
		names = append(names, fileName(group, fmt.Sprint(kind["version"]), fmt.Sprint(kind["kind"])))
	}
	return names
}

// fileName fills Location; for kubeconform the core group is called as its version.
func fileName(group, version, kind string) string {
	if group == "" {
		group = version
	}
	return fmt.Sprintf("%s_%s_%s.json", group, version, strings.ToLower(kind))
}

// WriteCustom writes a schema for each version of the CustomResourceDefinitions
// in a folder of YAML files.
func WriteCustom(definitions, folder string) error {
	paths, err := filepath.Glob(filepath.Join(definitions, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := writeCustom(path, folder); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func writeCustom(path, folder string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var definition struct {
		Spec struct {
			Group    string `json:"group"`
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		whole := version.Schema.OpenAPIV3Schema
		if properties, found := whole["properties"].(schema); found {
			maps.Copy(properties, schema{"apiVersion": schema{}, "kind": schema{}, "metadata": schema{}})
		}
		close(whole)
		if err := write(filepath.Join(folder, fileName(definition.Spec.Group, version.Name, definition.Spec.Names.Kind)), whole); err != nil {
			return err
		}
	}
	return nil
}

// close refuses properties that a schema doesn't name, at every depth: what the
// API server does with `fieldValidation: Strict`.
func close(part schema) {
	if properties, found := part["properties"].(schema); found {
		if _, open := part["additionalProperties"]; !open && part["x-kubernetes-preserve-unknown-fields"] == nil {
			part["additionalProperties"] = false
		}
		for _, property := range properties {
			if inner, is := property.(schema); is {
				close(inner)
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, is := part[key].(schema); is {
			close(inner)
		}
	}
}

func write(path string, whole schema) error {
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
