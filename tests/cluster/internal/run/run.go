// Package run starts other programs and says what went wrong with them.
package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Command is a program to run, with what differs from this process.
type Command struct {
	Args []string
	Dir  string
	Env  []string // added to the environment of this process
	In   io.Reader
	Log  string // file that takes the output; empty: kept in memory
}

// Do runs a command and waits; its error carries the end of its output.
func Do(ctx context.Context, args ...string) error {
	return Command{Args: args}.Do(ctx)
}

// Do runs the command and waits; its error carries the end of its output and,
// where there is one, the name of its log.
func (c Command) Do(ctx context.Context) error {
	command := c.build(ctx)
	if c.Log == "" {
		output, err := command.CombinedOutput()
		return explain(c.Args, err, "", output)
	}
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o755); err != nil {
		return err
	}
	log, err := os.Create(c.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		return explain(c.Args, err, c.Log, Tail(c.Log))
	}
	return nil
}

// Show runs the command with its output on this process's own.
func (c Command) Show(ctx context.Context) error {
	command := c.build(ctx)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return explain(c.Args, command.Run(), "", nil)
}

// Output runs the command and returns what it printed, without the last newline.
func (c Command) Output(ctx context.Context) (string, error) {
	var failed bytes.Buffer
	command := c.build(ctx)
	command.Stderr = &failed
	output, err := command.Output()
	return strings.TrimRight(string(output), "\n"), explain(c.Args, err, "", failed.Bytes())
}

// Output runs a command and returns what it printed, without the last newline.
func Output(ctx context.Context, args ...string) (string, error) {
	return Command{Args: args}.Output(ctx)
}

func (c Command) build(ctx context.Context) *exec.Cmd {
	command := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	command.Dir = c.Dir
	command.Env = append(os.Environ(), c.Env...)
	command.Stdin = c.In
	return command
}

func explain(args []string, err error, log string, output []byte) error {
	if err == nil {
		return nil
	}
	message := fmt.Sprintf("%s: %v", strings.Join(args, " "), err)
	if end := lastLines(output); end != "" {
		message += "\n" + end
	}
	if log != "" {
		message += "\nits log: " + log
	}
	return fmt.Errorf("%s", message)
}

// tailLines is how much of a log helps a person without hiding the message.
const tailLines = 20

// Tail returns the last lines of a log, or what kept it from being read.
func Tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return []byte(lastLines(text))
}

func lastLines(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
