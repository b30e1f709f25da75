package schemas_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vesselmedia/vessel/tests/cluster/internal/schemas"
)

func TestEachKindRefersToItsDefinitionAndRefusesOtherFields(t *testing.T) {
	folder := t.TempDir()
	document := filepath.Join(folder, "swagger.json")
	const text = `{"definitions": {
		"io.k8s.api.apps.v1.Deployment": {
			"properties": {"spec": {"$ref": "#/definitions/spec"}, "status": {"properties": {"a": {}}}},
			"x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Deployment"}]
		},
		"spec": {"properties": {"replicas": {"type": "integer"}}}
	}}`
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := schemas.WriteKubernetes(document, folder); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, folder, "apps_v1_deployment.json")["$ref"], "definitions.json#/definitions/io.k8s.api.apps.v1.Deployment"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	definitions := read(t, folder, "definitions.json")["definitions"].(map[string]any)
	for _, name := range []string{"io.k8s.api.apps.v1.Deployment", "spec"} {
		if got := definitions[name].(map[string]any)["additionalProperties"]; got != false {
			t.Errorf("%s takes any field: %v", name, got)
		}
	}
}

func TestTheSchemasOfTheCRDsOfThisCloneAreWritten(t *testing.T) {
	folder := t.TempDir()
	if err := schemas.WriteCustom("../../../../crds", folder); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"mediaasset", "mediastore", "transcodejob", "transcodeprofile"} {
		if read(t, folder, "vessel.media_v1alpha1_"+kind+".json")["additionalProperties"] != false {
			t.Errorf("%s takes any field", kind)
		}
	}
}

func read(t *testing.T, folder, file string) (found map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}
