// Command fuzz runs damaged sources through the transcoder, and whatever
// libFuzzer comes upon through our own parsers: `make fuzz`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/vesselmedia/vessel/tests/cluster/internal/debian"
	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

// fuzzer is what was asked for.
type fuzzer struct {
	clone   string
	count   uint64
	seed    uint64
	seconds uint
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f fuzzer
	flag.StringVar(&f.clone, "clone", ".", "root of the clone")
	flag.Uint64Var(&f.count, "count", 10_000, "damaged sources")
	flag.Uint64Var(&f.seed, "seed", uint64(rand.Uint32()), "what they are made from")
	flag.UintVar(&f.seconds, "seconds", 30, "time of each parser")
	flag.Parse()
	if err := f.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// run goes on after a finding: each part has its own.
func (f fuzzer) run(ctx context.Context) error {
	if err := debian.Ensure(ctx, append([]string{"g++"}, images.Packages...)...); err != nil {
		return err
	}
	return errors.Join(f.sources(ctx), f.parsers(ctx))
}

func (f fuzzer) sources(ctx context.Context) error {
	ffmpeg := os.Getenv("VESSEL_FFMPEG_ROOT")
	if ffmpeg == "" {
		built, err := images.Ffmpeg(ctx, f.clone)
		if err != nil {
			return err
		}
		ffmpeg = built
	}
	fmt.Printf("%d damaged sources: SEED=%d COUNT=%d\n", f.count, f.seed, f.count)
	return run.Command{
		Args: []string{"cargo", "test", "--quiet", "--locked", "--package", "vessel-transcoder", "--test", "mutations", "--", "--nocapture", "--exact", "a_damaged_source_gets_a_verdict_that_blames_the_source"},
		Dir:  f.clone,
		Env: []string{
			"VESSEL_FFMPEG_ROOT=" + ffmpeg,
			"VESSEL_FUZZ_COUNT=" + strconv.FormatUint(f.count, 10),
			"VESSEL_FUZZ_SEED=" + strconv.FormatUint(f.seed, 10),
		},
	}.Show(ctx)
}

// parsers runs each target of cargo-fuzz. Our parsers have no unsafe code, so
// that none of the sanitizers is needed, nor the nightly compiler that has them.
func (f fuzzer) parsers(ctx context.Context) error {
	program, err := tools.CargoFuzz(ctx)
	if err != nil {
		return err
	}
	folder := filepath.Join(f.clone, "transcoder/fuzz")
	listed, err := run.Command{Args: []string{program, "list", "--fuzz-dir", "."}, Dir: folder}.Output(ctx)
	if err != nil {
		return err
	}
	targets := strings.Fields(listed)
	slices.Sort(targets)
	for _, target := range targets {
		err = errors.Join(err, f.parser(ctx, program, folder, target))
	}
	return err
}

func (f fuzzer) parser(ctx context.Context, program, folder, target string) error {
	fmt.Printf("%s for %d s\n", target, f.seconds)
	// What it comes upon is kept for the next time, beside the clone's own examples.
	corpora := []string{filepath.Join("corpus", target)}
	if err := os.MkdirAll(filepath.Join(folder, corpora[0]), 0o755); err != nil {
		return err
	}
	if seeds := filepath.Join("seeds", target); exists(filepath.Join(folder, seeds)) {
		corpora = append(corpora, seeds)
	}
	args := append([]string{program, "run", "--fuzz-dir", ".", "--sanitizer", "none", target}, corpora...)
	args = append(args, "--", fmt.Sprintf("-max_total_time=%d", f.seconds), "-timeout=10", "-rss_limit_mb=1024")
	return run.Command{
		Args: args,
		Dir:  folder,
		// Its flags are others than those of everything else.
		Env: []string{"CARGO_TARGET_DIR=" + filepath.Join(os.Getenv("CARGO_TARGET_DIR"), "fuzz")},
		Log: filepath.Join(f.clone, ".cluster/fuzz", target+".log"),
	}.Do(ctx)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
