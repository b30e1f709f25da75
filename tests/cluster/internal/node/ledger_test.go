package node

import (
	"os"
	"os/exec"
	"testing"
)

func TestAProcessIsNotTakenForALaterOneWithItsNumber(t *testing.T) {
	self := identify(os.Getpid())
	if !self.alive() {
		t.Error("this process is alive")
	}
	if (process{PID: self.PID, Started: self.Started + "1"}).alive() {
		t.Error("one that started at another time is not this one")
	}
	if (process{}).alive() {
		t.Error("no process is alive")
	}
}

func TestAKilledProcessIsGoneWhenKillReturns(t *testing.T) {
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	sleeper := identify(command.Process.Pid)
	if err := sleeper.kill(); err != nil {
		t.Fatal(err)
	}
	if sleeper.alive() {
		t.Error("it is still there")
	}
	if err := command.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	if err := sleeper.kill(); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestAnotherBinaryIsAnotherRecipe(t *testing.T) {
	first, err := recipe("a")
	if err != nil {
		t.Fatal(err)
	}
	second, err := recipe("b")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("a running cluster would not be replaced")
	}
}
