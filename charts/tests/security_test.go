package chart_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Pod Security "restricted", judged by the code of the apiserver, and what it does not ask for.
func TestEveryPodIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, example := range examples(t) {
		specs := mustRender(t, example).podSpecs()
		if len(specs) < 2 {
			t.Fatalf("%s: only %d pods", name, len(specs))
		}
		for owner, fields := range specs {
			var spec corev1.PodSpec
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(fields, &spec, true); err != nil {
				t.Fatal(err)
			}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &metav1.ObjectMeta{}, &spec))
			if !result.Allowed {
				t.Errorf("%s: %s: %s", name, owner, result.ForbiddenDetail())
			}
			if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
				t.Errorf("%s: %s takes settings from the names of Services", name, owner)
			}
			for _, container := range append(spec.InitContainers, spec.Containers...) {
				context := container.SecurityContext
				if context == nil || context.ReadOnlyRootFilesystem == nil || !*context.ReadOnlyRootFilesystem {
					t.Errorf("%s: %s can write to the root of %s", name, owner, container.Name)
				}
				if container.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s has no memory limit for %s", name, owner, container.Name)
				}
			}
		}
	}
}
