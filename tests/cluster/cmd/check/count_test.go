package main

import "testing"

func TestEveryTestIsCountedAndNoneThatDidNotRunPasses(t *testing.T) {
	for name, test := range map[string]struct {
		count  func(string) tally
		output string
		want   tally
	}{
		"cargo adds up its binaries": {
			countCargo,
			"running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n" +
				"test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
			tally{passed: 5, failed: 2},
		},
		"go counts tests and not packages": {
			countGo,
			`{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"pass","Test":"TestA"}` + "\n" +
				`{"Action":"skip","Test":"TestB"}` + "\n" + `{"Action":"fail"}` + "\nnot JSON\n",
			tally{passed: 1, failed: 1},
		},
		"node counts what was cancelled as failed": {
			countNode,
			"ℹ tests 4\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n",
			tally{passed: 2, failed: 2},
		},
		"kubeconform counts objects without a schema as failed": {
			countKubeconform,
			`{"resources": [], "summary": {"valid": 7, "invalid": 1, "errors": 2, "skipped": 3}}`,
			tally{passed: 7, failed: 3},
		},
		"kubeconform that printed nothing has failed": {countKubeconform, "", tally{failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.count(test.output); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
