// Command cluster is the machinery behind `make up`, `make down` and what
// stands on them.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
)

// commands by name; each gets the root of the clone.
var commands = map[string]func(ctx context.Context, clone string) error{
	"start":                start,
	"up":                   up,
	"images":               buildImages,
	"demo":                 demonstrate,
	"down":                 func(_ context.Context, clone string) error { return node.Stop(clone) },
	"status":               status,
	node.SuperviseArgument: func(context.Context, string) error { return node.Supervise() },
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dispatch(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(commands)), " ")
	if len(args) != 1 {
		return fmt.Errorf("usage: cluster COMMAND\ncommands: %s", names)
	}
	command, known := commands[args[0]]
	if !known {
		return fmt.Errorf("there is no command %q; there are: %s", args[0], names)
	}
	clone, err := findClone()
	if err != nil && args[0] != node.SuperviseArgument {
		return err
	}
	return command(ctx, clone)
}

// findClone is the root of the clone that the working folder is in.
func findClone() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; folder != "/"; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "tests/cluster/go.mod")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("this is not a clone of Vessel: change into one")
}

func module(clone string) string { return filepath.Join(clone, "tests/cluster") }

func status(context.Context, string) error {
	fmt.Println(node.Status())
	return nil
}
