package chart_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// dashboard is what the tests read of Grafana's classic JSON.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct{ Name, Definition string } `json:"list"`
	} `json:"templating"`
	Panels []struct {
		Title, Description string
		Datasource         struct{ UID string }
		Targets            []struct{ Expr string }
	} `json:"panels"`
}

func TestAPanelNamesOnlyWhatIsExported(t *testing.T) {
	exported := exportedMetrics(t)
	if len(exported) < 20 {
		t.Fatalf("only %d metrics found in the sources", len(exported))
	}
	files, err := filepath.Glob(filepath.Join(chartDir, "files/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		board := readDashboard(t, file)
		if board.UID != "vessel-"+strings.TrimSuffix(filepath.Base(file), ".json") {
			t.Errorf("%s: its uid is %q", file, board.UID)
		}
		for _, panel := range board.Panels {
			if panel.Datasource.UID != "${datasource}" || panel.Description == "" || len(panel.Targets) == 0 {
				t.Errorf("%s: %s lacks its data source, description or query", file, panel.Title)
			}
			for _, target := range panel.Targets {
				names := metricsOf(t, target.Expr)
				if len(names) == 0 {
					t.Errorf("%s: %s asks for no metric: %s", file, panel.Title, target.Expr)
				}
				for _, name := range names {
					if !exported[name] {
						t.Errorf("%s: %s asks for %s, which nobody exports", file, panel.Title, name)
					}
				}
			}
		}
	}
}

func readDashboard(t *testing.T, file string) dashboard {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return board
}

// metricsOf are the metrics that a query selects, histograms without their series' endings.
func metricsOf(t *testing.T, query string) []string {
	t.Helper()
	filled := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(query)
	expression, err := parser.ParseExpr(filled)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	var names []string
	for _, selectors := range parser.ExtractSelectors(expression) {
		for _, matcher := range selectors {
			if matcher.Name == labels.MetricName {
				names = append(names, withoutSeries(matcher.Value))
			}
		}
	}
	return names
}

func withoutSeries(name string) string {
	for _, series := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, series)
	}
	return name
}

// exportedMetrics are the names that the programs register, as their sources have them. The
// origin gives some of its without the prefix.
func exportedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	full := regexp.MustCompile(`"(vessel_[a-z_]+)"`)
	short := regexp.MustCompile(`(?:counters|gauge)\(\s*"([a-z_]+)"`)
	exported := map[string]bool{}
	sources(t, "../../operator/src", func(text string) {
		for _, match := range full.FindAllStringSubmatch(text, -1) {
			exported[match[1]] = true
		}
	})
	sources(t, "../../origin/src", func(text string) {
		for _, match := range full.FindAllStringSubmatch(text, -1) {
			exported[match[1]] = true
		}
		for _, match := range short.FindAllStringSubmatch(text, -1) {
			exported["vessel_origin_"+match[1]] = true
		}
	})
	return exported
}

// sources hands over the code of every Rust file below a folder, without its tests.
func sources(t *testing.T, folder string, read func(code string)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".rs") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			code, _, _ := strings.Cut(string(text), "#[cfg(test)]")
			read(code)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
