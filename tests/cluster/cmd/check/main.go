// Command check runs everything that must hold, the fast things first, and
// counts it: `make test`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: check CLONE [PART-OF-A-NAME]")
		os.Exit(2)
	}
	chosen := stages(os.Args[1])
	if len(os.Args) > 2 {
		chosen = slices.DeleteFunc(chosen, func(s stage) bool { return !strings.Contains(s.name, os.Args[2]) })
	}
	total := runAll(ctx, chosen)
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped)
	if total.failed > 0 || total.passed == 0 {
		stop()
		os.Exit(1)
	}
}

// stage is one line of the report.
type stage struct {
	name string
	// onCluster stages run only while everything since the cluster's start went well.
	onCluster bool
	run       func(ctx context.Context) tally
}

// tally is what a stage found.
type tally struct {
	passed, failed, skipped int
	note                    string // printed beside the count
	why                     string // printed below it, where something failed
}

// bringUp is the stage that those on the cluster stand on.
const bringUp = "cluster up"

func runAll(ctx context.Context, stages []stage) (total tally) {
	clusterIsUp := false
	for _, stage := range stages {
		if ctx.Err() != nil {
			total.failed++
			return total
		}
		started := time.Now()
		found := tally{failed: 1, why: "the cluster is not up"}
		if !stage.onCluster || clusterIsUp {
			found = stage.run(ctx)
		}
		if stage.name == bringUp {
			clusterIsUp = found.failed == 0
		}
		report(stage.name, found, time.Since(started))
		total.passed += found.passed
		total.failed += found.failed
		total.skipped += found.skipped
	}
	return total
}

func report(name string, found tally, took time.Duration) {
	mark := "ok  "
	switch {
	case found.failed > 0:
		mark = "FAIL"
	case found.skipped > 0:
		mark = "skip"
	}
	fmt.Printf("%s  %-34s %4d passed %3d failed %6.1f s  %s\n", mark, name, found.passed, found.failed, took.Seconds(), found.note)
	if found.failed > 0 {
		fmt.Println(found.why)
	}
}
