package chart_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryMetricIsDescribedAndNoOther(t *testing.T) {
	described := map[string]bool{}
	for _, name := range regexp.MustCompile("`(vessel_[a-z_]+)`").FindAllStringSubmatch(page(t, "../../docs/operations.md"), -1) {
		described[name[1]] = true
	}
	exported := exportedMetrics(t)
	for name := range exported {
		if !described[name] {
			t.Errorf("docs/operations.md lacks %s", name)
		}
	}
	for name := range described {
		if !exported[name] {
			t.Errorf("docs/operations.md describes %s, which nobody exports", name)
		}
	}
}

func TestEveryReasonIsExplained(t *testing.T) {
	operations := page(t, "../../docs/operations.md")
	words := regexp.MustCompile(`Self::\w+ => "(\w+)"`).FindAllStringSubmatch(page(t, "../../crds/src/reason.rs"), -1)
	if len(words) < 20 {
		t.Fatalf("only %d reasons found", len(words))
	}
	for _, word := range words {
		if word[1] != "Unknown" && !strings.Contains(operations, "| `"+word[1]+"` |") {
			t.Errorf("docs/operations.md does not explain %s", word[1])
		}
	}
}

func TestEveryReasonOfAStoreIsExplained(t *testing.T) {
	operations := page(t, "../../docs/operations.md")
	named := regexp.MustCompile(`(?:NotReady::new|Self::new)\(\s*"(\w+)"`)
	count := 0
	sources(t, "../../operator/src/store", func(code string) {
		for _, reason := range named.FindAllStringSubmatch(code, -1) {
			count++
			if !strings.Contains(operations, "| `"+reason[1]+"` |") {
				t.Errorf("docs/operations.md does not explain %s of a store", reason[1])
			}
		}
	})
	if count < 8 {
		t.Errorf("only %d reasons found", count)
	}
}

// The table of rights in docs/security.md is that of the role.
func TestTheRightsAreDescribed(t *testing.T) {
	security := page(t, "../../docs/security.md")
	rendered := mustRender(t, values{})
	for _, kind := range []string{"ClusterRole", "Role"} {
		rules, _ := rendered.get(t, kind, "vessel-operator").Object["rules"].([]any)
		for _, rule := range rules {
			rule := rule.(map[string]any)
			verbs := join(rule["verbs"])
			for _, resource := range rule["resources"].([]any) {
				name := resource.(string)
				if groups := join(rule["apiGroups"]); groups == "events.k8s.io" {
					name += " (" + groups + ")"
				}
				row := rowOf(security, name, kind == "Role")
				if !strings.Contains(row, "| "+verbs+" |") {
					t.Errorf("docs/security.md does not give %q on %s: %q", verbs, resource, row)
				}
			}
		}
	}
}

func join(list any) string {
	var words []string
	for _, word := range list.([]any) {
		words = append(words, word.(string))
	}
	return strings.Join(words, " ")
}

// rowOf is the row of the table that names a resource; those of the operator's own namespace
// say so.
func rowOf(text, resource string, own bool) string {
	if strings.HasSuffix(resource, "/status") {
		resource = "…/status"
	}
	for line := range strings.Lines(text) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		cell, isOwn := strings.CutSuffix(cell, " in its own namespace")
		if isOwn == own && slices.Contains(strings.Split(cell, ", "), resource) {
			return line
		}
	}
	return ""
}

func TestLinksBetweenPagesLead(t *testing.T) {
	pages := []string{"../../README.md", "../../CONTRIBUTING.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	links := regexp.MustCompile(`\]\(([^)#]*)(?:#[^)]*)?\)`)
	for _, file := range pages {
		for _, link := range links.FindAllStringSubmatch(page(t, file), -1) {
			target := link[1]
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", file, target)
			}
		}
	}
}

// The map of the tree names what is there.
func TestTheMapLeads(t *testing.T) {
	quoted := regexp.MustCompile("`([a-z0-9_-]+/[a-z0-9_./-]*|values.yaml)`")
	checked := 0
	for line := range strings.Lines(page(t, "../../CONTRIBUTING.md")) {
		folder := ""
		for _, match := range quoted.FindAllStringSubmatch(line, -1) {
			path := match[1]
			if strings.HasPrefix(line, "| `"+path) {
				folder = path
			}
			checked++
			if !exists(path) && !exists(folder+path) {
				t.Errorf("CONTRIBUTING.md names %s, which is not there", path)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d paths found", checked)
	}
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join("../..", path))
	return err == nil
}
