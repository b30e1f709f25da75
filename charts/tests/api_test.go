package chart_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	sigsyaml "sigs.k8s.io/yaml"
)

// kind judges objects of one kind as the apiserver does: unknown fields, schema, rules.
type kind struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func kinds(t *testing.T) map[string]kind {
	t.Helper()
	files, err := filepath.Glob("../../crds/*.yaml")
	if err != nil || len(files) != 4 {
		t.Fatalf("definitions are %v: %v", files, err)
	}
	found := map[string]kind{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := sigsyaml.UnmarshalStrict(text, &definition); err != nil {
			t.Fatal(err)
		}
		var props apiextensions.CustomResourceValidation
		if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(definition.Spec.Versions[0].Schema, &props, nil); err != nil {
			t.Fatal(err)
		}
		structural, err := schema.NewStructural(props.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		found[definition.Spec.Names.Kind] = kind{
			structural: structural,
			schema:     validator,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		}
	}
	return found
}

// problems are what the apiserver would refuse.
func (k kind) problems(object map[string]any) []string {
	var problems []string
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, k.structural, true, options) {
		problems = append(problems, "unknown field "+path)
	}
	defaulting.Default(object, k.structural)
	for _, err := range validation.ValidateCustomResource(nil, object, k.schema) {
		problems = append(problems, err.Error())
	}
	errs, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range errs {
		problems = append(problems, err.Error())
	}
	return problems
}

// What the operator applies at its first start is accepted, whatever the values.
func TestTheDefaultsAreValid(t *testing.T) {
	kinds := kinds(t)
	for name, example := range examples(t) {
		for object, fields := range mustRender(t, example).defaults(t) {
			kind, known := kinds[fields["kind"].(string)]
			if !known {
				t.Fatalf("%s: %s is of no kind of ours", name, object)
			}
			for _, problem := range kind.problems(fields) {
				t.Errorf("%s: %s: %s", name, object, problem)
			}
		}
	}
}

func TestExactlyOneProfileAndOneStoreAreDefault(t *testing.T) {
	for name, example := range examples(t) {
		defaults := map[any]int{}
		for _, fields := range mustRender(t, example).defaults(t) {
			if fields["spec"].(map[string]any)["default"] == true {
				defaults[fields["kind"]]++
			}
		}
		if defaults["TranscodeProfile"] != 1 || defaults["MediaStore"] != 1 {
			t.Errorf("%s: %v are default", name, defaults)
		}
	}
}

func TestTheSamplesAreValid(t *testing.T) {
	kinds := kinds(t)
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("samples are %v: %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object := parse(t, string(text))
		for _, problem := range kinds[object["kind"].(string)].problems(object) {
			t.Errorf("%s: %s", file, problem)
		}
		// A private asset would only answer 401 until its URL is signed.
		if visibility := object["spec"].(map[string]any)["visibility"]; visibility != "Public" {
			t.Errorf("%s: a sample that is %v does not play", file, visibility)
		}
	}
}

// The judge refuses what the apiserver refuses: else the tests above would prove nothing.
func TestABadObjectIsRefused(t *testing.T) {
	judge := kinds(t)["MediaAsset"]
	for text, problem := range map[string]string{
		"{metadata: {name: a}, spec: {source: {}}}":                                    "exactly one of upload, http and s3",
		"{metadata: {name: a}, spec: {source: {s3: {key: a}, upload: {filename: b}}}}": "exactly one of upload, http and s3",
		"{metadata: {name: a}, spec: {source: {s3: {key: a}}, visibility: Secret}}":    "visibility",
		"{metadata: {name: a}, spec: {source: {s3: {kee: a}}}}":                        "kee",
		"{metadata: {name: A_b}, spec: {source: {s3: {key: a}}}}":                      "DNS label",
	} {
		object := parse(t, text)
		object["apiVersion"], object["kind"] = "vessel.media/v1alpha1", "MediaAsset"
		if problems := strings.Join(judge.problems(object), "\n"); !strings.Contains(problems, problem) {
			t.Errorf("%s: %q", text, problems)
		}
	}
}

// What NOTES.txt prints is valid too, and speaks of what is there.
func TestTheNotesPrintWhatCanBePasted(t *testing.T) {
	kinds := kinds(t)
	for name, example := range examples(t) {
		notes := mustRender(t, example).notes
		_, rest, found := strings.Cut(notes, "<<'YAML'\n")
		manifest, _, ended := strings.Cut(rest, "   YAML\n")
		if !found || !ended {
			t.Fatalf("%s: the notes print no manifest:\n%s", name, notes)
		}
		object := parse(t, strings.ReplaceAll("\n"+manifest, "\n   ", "\n"))
		for _, problem := range kinds["MediaAsset"].problems(object) {
			t.Errorf("%s: %s", name, problem)
		}
		if strings.Contains(notes, "vessel-store") != (mustRender(t, example).find("Service", "vessel-store") != nil) {
			t.Errorf("%s: the notes are wrong about the embedded store:\n%s", name, notes)
		}
		if commands := strings.Count(notes, "   kubectl "); commands < 4 {
			t.Errorf("%s: only %d commands:\n%s", name, commands, notes)
		}
	}
}
