package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
)

func TestWhatIsThereIsNotMadeAgain(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	made := 0
	build := func(dir string) error {
		made++
		return os.WriteFile(filepath.Join(dir, "thing"), nil, 0o644)
	}
	for range 2 {
		folder, err := cache.Ensure("kind", cache.Key{Texts: []string{"a"}}, build)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(folder, "thing")); err != nil {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
}

func TestWhatFailedHalfwayIsMadeFromTheStart(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	key := cache.Key{Texts: []string{"a"}}
	_, err := cache.Ensure("kind", key, func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), errors.New("killed"))
	})
	if err == nil {
		t.Fatal("the failure was lost")
	}
	folder, err := cache.Ensure("kind", key, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "half")); err == nil {
		t.Error("the first attempt's file is there")
	}
}

func TestAKeyFollowsNamesAndContents(t *testing.T) {
	folder := t.TempDir()
	sum := func() string {
		t.Helper()
		sum, err := cache.Key{Texts: []string{"v1"}, Files: []string{filepath.Join(folder, "*")}}.Sum()
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "1")
	first := sum()
	if again := sum(); again != first {
		t.Errorf("%s, and then %s", first, again)
	}
	write("a", "2")
	second := sum()
	write("b", "2")
	if third := sum(); first == second || second == third {
		t.Errorf("keys repeat: %s %s %s", first, second, third)
	}
	if _, err := (cache.Key{Files: []string{filepath.Join(folder, "none")}}).Sum(); err == nil {
		t.Error("a pattern that matches nothing must not make a key")
	}
}
