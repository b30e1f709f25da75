package chart_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

func TestItLints(t *testing.T) {
	for name, example := range examples(t) {
		for _, message := range lint.RunAll(chartDir, example, "vessel").Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, message)
			}
		}
	}
}

// Every field of every object is one that the API knows, of the right type.
func TestEveryObjectIsOfItsKind(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientscheme.AddToScheme, apiextensions.AddToScheme, gateway.Install, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Strict: true})
	for name, example := range examples(t) {
		for _, object := range mustRender(t, example).objects {
			text, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := decoder.Decode(text, nil, nil); err != nil {
				t.Errorf("%s: %s %s: %v", name, object.GetKind(), object.GetName(), err)
			}
		}
	}
}

func TestNamesOfTheDefaultInstallation(t *testing.T) {
	rendered := mustRender(t, values{})
	sample := regexp.MustCompile(`^Job/vessel-sample-[0-9a-f]{8}$`)
	var names []string
	for _, name := range rendered.names() {
		if !sample.MatchString(name) && !strings.HasPrefix(name, "CustomResourceDefinition/") {
			names = append(names, name)
		}
	}
	want := []string{
		"ClusterRole/vessel-edit", "ClusterRole/vessel-operator", "ClusterRole/vessel-view",
		"ClusterRoleBinding/vessel-operator",
		"ConfigMap/vessel-config", "ConfigMap/vessel-defaults", "ConfigMap/vessel-sample",
		"Deployment/vessel-operator", "Deployment/vessel-origin", "Deployment/vessel-store",
		"PersistentVolumeClaim/vessel-store", "PodDisruptionBudget/vessel-operator",
		"Role/vessel-operator", "RoleBinding/vessel-operator",
		"Service/vessel-operator", "Service/vessel-origin", "Service/vessel-store",
		"ServiceAccount/vessel-operator", "ServiceAccount/vessel-origin",
		"ValidatingAdmissionPolicy/vessel-transcodejobs", "ValidatingAdmissionPolicyBinding/vessel-transcodejobs",
	}
	if !slices.Equal(names, want) {
		t.Errorf("names are %v, not %v", names, want)
	}
	if len(rendered.objects) != len(want)+5 {
		t.Errorf("%d objects, not %d, four CustomResourceDefinitions and the sample Job", len(rendered.objects), len(want))
	}
}

func TestEveryObjectHasItsNamespace(t *testing.T) {
	clusterWide := []string{
		"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	}
	for name, example := range examples(t) {
		for _, object := range mustRender(t, example).objects {
			want := "vessel"
			if slices.Contains(clusterWide, object.GetKind()) {
				want = ""
			}
			if object.GetNamespace() != want {
				t.Errorf("%s: %s %s is in the namespace %q, not %q", name, object.GetKind(), object.GetName(), object.GetNamespace(), want)
			}
		}
	}
}

// GitOps tools run hooks at every sync, and render without a cluster.
func TestNoHooksAndNothingRandom(t *testing.T) {
	for name, example := range examples(t) {
		first, second := mustRender(t, example), mustRender(t, example)
		for i, object := range first.objects {
			for annotation := range object.GetAnnotations() {
				if strings.HasPrefix(annotation, "helm.sh/hook") {
					t.Errorf("%s: %s %s is a hook", name, object.GetKind(), object.GetName())
				}
			}
			one, _ := object.MarshalJSON()
			two, _ := second.objects[i].MarshalJSON()
			if string(one) != string(two) {
				t.Errorf("%s: %s %s differs between two renderings", name, object.GetKind(), object.GetName())
			}
		}
	}
}

// Credentials are made by the operator or by the user, and never pass through Helm.
func TestNoSecrets(t *testing.T) {
	for name, example := range examples(t) {
		for _, object := range mustRender(t, example).objects {
			if object.GetKind() == "Secret" {
				t.Errorf("%s: the chart makes the Secret %s", name, object.GetName())
			}
		}
	}
}

// A Job can't be changed, so a changed spec has to be another Job, and the same spec the same.
func TestTheSampleJobIsNamedAfterItsSpec(t *testing.T) {
	job := func(given values) string {
		for _, name := range mustRender(t, given).names() {
			if strings.HasPrefix(name, "Job/") {
				return name
			}
		}
		return ""
	}
	plain := job(values{})
	if plain == "" || plain != job(values{"queue": values{"maxRunning": 9}}) {
		t.Errorf("%q changed its name with a setting that is none of its own", plain)
	}
	if other := job(values{"image": values{"operator": values{"tag": "9"}}}); other == plain {
		t.Errorf("another image is run under the old name %q", other)
	}
}

func TestOnlyTheOperatorHasAToken(t *testing.T) {
	for name, example := range examples(t) {
		for owner, spec := range mustRender(t, example).podSpecs() {
			mounts, said := spec["automountServiceAccountToken"].(bool)
			if owner != "Deployment/vessel-operator" && (!said || mounts) {
				t.Errorf("%s: the pods of %s get a token", name, owner)
			}
		}
	}
}

func TestTheOriginIsReachedOnItsOwnPathsAlone(t *testing.T) {
	for _, owner := range []string{"production", "airgap"} {
		text := ""
		for _, object := range mustRender(t, examples(t)[owner]).objects {
			if slices.Contains([]string{"Ingress", "HTTPRoute"}, object.GetKind()) {
				json, _ := object.MarshalJSON()
				text += string(json)
			}
		}
		paths := map[string]bool{}
		for _, match := range regexp.MustCompile(`"(?:path|value)":"([^"]*)"`).FindAllStringSubmatch(text, -1) {
			paths[match[1]] = true
		}
		if got, want := slices.Sorted(maps.Keys(paths)), []string{"/assets/", "/v1/", "/watch/"}; !slices.Equal(got, want) {
			t.Errorf("%s: paths are %v, not %v", owner, got, want)
		}
	}
}

func TestAReleaseOfAnotherNameDoesNotShareNames(t *testing.T) {
	other, err := render("music", values{})
	if err != nil {
		t.Fatal(err)
	}
	own := mustRender(t, values{}).names()
	for _, name := range other.names() {
		if !strings.HasPrefix(name, "CustomResourceDefinition/") && slices.Contains(own, name) {
			t.Errorf("both releases have %s", name)
		}
	}
}
