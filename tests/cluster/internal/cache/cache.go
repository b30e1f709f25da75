// Package cache keeps what is expensive to make outside the clone, under a key
// of what it was made from, so that a fresh clone makes nothing twice.
package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is ${XDG_CACHE_HOME:-$HOME/.cache}/vessel.
func Dir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w (set XDG_CACHE_HOME)", err)
	}
	return filepath.Join(base, "vessel"), nil
}

// Key is a short hash of texts and of the files that match the glob patterns.
type Key struct {
	Texts []string
	Files []string
}

// Sum reads the files of the key, with their names, and hashes everything.
func (k Key) Sum() (string, error) {
	hash := sha256.New()
	for _, text := range k.Texts {
		fmt.Fprintf(hash, "%d %s\n", len(text), text)
	}
	for _, pattern := range k.Files {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		if len(paths) == 0 {
			return "", fmt.Errorf("nothing matches %s", pattern)
		}
		for _, path := range paths {
			if err := hashFile(hash, path); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func hashFile(hash io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintf(hash, "%s\n", filepath.Base(path))
	_, err = io.Copy(hash, file)
	return err
}

// Ensure returns the folder of kind and key. If it isn't there, make fills an
// empty folder that takes its place in one rename: a make that was killed
// leaves nothing that a later run would take for whole.
func Ensure(kind string, key Key, make func(dir string) error) (string, error) {
	sum, err := key.Sum()
	if err != nil {
		return "", fmt.Errorf("key of %s: %w", kind, err)
	}
	root, err := Dir()
	if err != nil {
		return "", err
	}
	final := filepath.Join(root, kind, sum)
	unlock, err := Lock(final + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	return final, fill(final, make)
}

func fill(final string, make func(dir string) error) error {
	partial := final + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}
	if err := make(partial); err != nil {
		return err
	}
	return os.Rename(partial, final)
}

// Lock waits for an exclusive lock on the file at path, which it makes with
// its folder; the lock ends with the process at the latest.
func Lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
