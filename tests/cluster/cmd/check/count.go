package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// cargoResult is the line with which each test binary of cargo ends.
var cargoResult = regexp.MustCompile(`(?m)^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;`)

// countCargo adds up the test binaries of `cargo test`. An ignored test is one
// that doesn't hold.
func countCargo(output string) (found tally) {
	for _, result := range cargoResult.FindAllStringSubmatch(output, -1) {
		found.passed += number(result[1])
		found.failed += number(result[2]) + number(result[3])
	}
	return found
}

// countGo adds up the tests of `go test -json`, those with subtests once.
func countGo(output string) (found tally) {
	for line := range strings.Lines(output) {
		var event struct{ Action, Test string }
		if json.Unmarshal([]byte(line), &event) != nil || event.Test == "" {
			continue
		}
		switch event.Action {
		case "pass":
			found.passed++
		case "fail", "skip":
			found.failed++
		}
	}
	return found
}

// nodeResult are two of the lines with which Node's test runner ends.
var nodeResult = regexp.MustCompile(`(?m)^. (pass|fail|skipped|cancelled) (\d+)$`)

// countNode adds up the tests of `node --test`.
func countNode(output string) (found tally) {
	for _, result := range nodeResult.FindAllStringSubmatch(output, -1) {
		if result[1] == "pass" {
			found.passed += number(result[2])
		} else {
			found.failed += number(result[2])
		}
	}
	return found
}

// countKubeconform reads the summary of `kubeconform -summary -output json`.
func countKubeconform(output string) tally {
	var report struct {
		Summary struct{ Valid, Invalid, Errors, Skipped int }
	}
	if json.Unmarshal([]byte(output), &report) != nil {
		return tally{failed: 1}
	}
	return tally{passed: report.Summary.Valid, failed: report.Summary.Invalid + report.Summary.Errors}
}

func number(digits string) int {
	value, _ := strconv.Atoi(digits) // the patterns match digits alone
	return value
}

func read(log string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
