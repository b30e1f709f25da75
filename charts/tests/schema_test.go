package chart_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the generated definitions into values.schema.json")

// copied are the definitions of values.schema.json that follow a CustomResourceDefinition.
var copied = map[string]string{
	"mediaStoreSpec":       "mediastores",
	"transcodeProfileSpec": "transcodeprofiles",
}

func TestTheSchemaFollowsTheAPI(t *testing.T) {
	path := filepath.Join(chartDir, "values.schema.json")
	current, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := map[string]any{}
	if err := json.Unmarshal(current, &schema); err != nil {
		t.Fatal(err)
	}
	definitions := schema["$defs"].(map[string]any)
	for name, plural := range copied {
		definitions[name] = specSchema(t, plural)
	}
	// A profile of the chart is changed by naming only what differs.
	delete(definitions["transcodeProfileSpec"].(map[string]any), "required")
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(current, want.Bytes()) {
		return
	}
	if !*update {
		t.Fatal("values.schema.json is out of date: run `make generate`")
	}
	if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// specSchema is the schema of a kind's spec, as JSON Schema and closed.
func specSchema(t *testing.T, plural string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../crds", plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Spec map[string]any `json:"spec"`
						} `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := sigsyaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	spec := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Spec
	closeObjects(spec)
	return spec
}

// closeObjects turns the apiserver's dialect into plain JSON Schema in which an unknown key
// is an error.
func closeObjects(schema map[string]any) {
	if schema["x-kubernetes-int-or-string"] == true {
		schema["type"] = []any{"integer", "string"}
		delete(schema, "anyOf")
	}
	for key, value := range schema {
		if strings.HasPrefix(key, "x-kubernetes-") || key == "format" || key == "default" {
			delete(schema, key)
			continue
		}
		if key == "properties" {
			for _, property := range value.(map[string]any) {
				closeObjects(property.(map[string]any))
			}
			schema["additionalProperties"] = false
		} else if inner, is := value.(map[string]any); is {
			closeObjects(inner)
		}
	}
}

// Every object of the schema is closed: a key is either known, or any string of a map.
func TestTheSchemaIsClosed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := map[string]any{}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, node map[string]any)
	walk = func(path string, node map[string]any) {
		if _, has := node["properties"]; has && node["additionalProperties"] != false {
			t.Errorf("%s takes unknown keys", path)
		}
		for key, value := range node {
			if inner, is := value.(map[string]any); is {
				walk(path+"/"+key, inner)
			}
		}
	}
	walk("", schema)
}

func TestAnUnknownKeyIsAnErrorThatNamesIt(t *testing.T) {
	for key, text := range map[string]string{
		"opertor":      "opertor: {}",
		"replica":      "operator: {replica: 3}",
		"maxRuning":    "queue: {maxRuning: 3}",
		"playTokens":   "origin: {playTokens: true}",
		"bukket":       "stores: {main: {bucket: media, bukket: x}}",
		"graceSecond":  "embeddedStore: {sweep: {graceSecond: 5}}",
		"bitrateKbps":  "profiles: {mine: {encoding: {audio: {bitrateKbps: [64]}}}}",
		"tagg":         "image: {store: {tagg: v1}}",
		"allowedCIDRS": "embeddedStore: {sources: {http: {allowedCIDRS: []}}}",
	} {
		_, err := render("vessel", given(t, text))
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What a schema can't say is said by the templates, with the way out.
func TestContradictionsAreErrorsThatSayWhatToDo(t *testing.T) {
	for text, way := range map[string]string{
		"stores: {a: {bucket: aaa, default: true}, b: {bucket: bbb, default: true}}": "mark one",
		"stores: {a: {bucket: aaa}, b: {bucket: bbb}}":                               "origin.storeName",
		"origin: {storeName: other}":                                                 "it has main",
		"embeddedStore: {enabled: false}":                                            "embeddedStore.enabled",
		"{embeddedStore: {enabled: true}, stores: {main: {bucket: aaa}}}":            "rename it",
		"origin: {httpRoute: {enabled: true}}":                                       "name the Gateway",
		"queue: {maxRunning: -1}":                                                    "maxRunning",
		"limits: {maxSourceBytes: 5368709121}":                                       "maxSourceBytes",
		"image: {operator: {digest: latest}}":                                        "digest",
		"stores: {Main: {bucket: aaa}}":                                              "Main",
		"embeddedStore: {enabled: sometimes}":                                        "enabled",
		"stores: {a: {bucket: aaa, allowedNamespaces: {from: Everywhere}}}":          "from",
		"transcoder: {deniedCIDRs: [10.0.0.1]}":                                      "deniedCIDRs",
	} {
		_, err := render("vessel", given(t, text))
		if err == nil || !strings.Contains(err.Error(), way) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
