// Package images builds the container images with buildah, from Dockerfiles
// that any other builder takes too, and brings them to a cluster.
package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Packages are Debian's part of building images.
var Packages = []string{"buildah", "mmdebstrap"}

// Image is an image to build: its Dockerfile, and the folder that it copies from.
type Image struct {
	Name       string // with its registry, without its tag
	Dockerfile string
	Context    string
	Files      []string // glob patterns of what the result depends on, below Context
	Base       Base
}

// Base is what an image starts from.
type Base string

// The two that there are.
const (
	Scratch Base = ""
	Debian  Base = "trixie"
)

// Built is an image under a tag of its content: the same files give the same tag.
type Built struct {
	Name, Tag string
}

// Reference is what a pod names.
func (b Built) Reference() string { return b.Name + ":" + b.Tag }

// builder runs buildah on a store of its own, in the cache.
type builder struct {
	store string
	logs  string
}

func newBuilder() (*builder, error) {
	root, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	return &builder{store: filepath.Join(root, "images"), logs: filepath.Join(root, "log")}, nil
}

func (b *builder) buildah(log string, args ...string) run.Command {
	global := []string{"buildah", "--root", filepath.Join(b.store, "storage"), "--runroot", filepath.Join(b.store, "run"), "--storage-driver", "overlay"}
	command := run.Command{Args: append(global, args...)}
	if log != "" {
		command.Log = filepath.Join(b.logs, log+".log")
	}
	return command
}

// Build makes an image unless the same is there already. The tag is given for
// images that stand in for a published one, else it is made from the content.
func Build(ctx context.Context, image Image, tag string) (Built, error) {
	builder, err := newBuilder()
	if err != nil {
		return Built{}, err
	}
	key, err := image.key().Sum()
	if err != nil {
		return Built{}, err
	}
	if tag == "" {
		tag = key
	}
	built := Built{Name: image.Name, Tag: tag}
	unlock, err := builder.lock()
	if err != nil {
		return built, err
	}
	defer unlock()
	marker := "localhost/built:" + key
	if builder.has(ctx, marker) && builder.has(ctx, built.Reference()) {
		return built, nil
	}
	if image.Base != Scratch {
		if err := builder.ensureBase(ctx, image.Base); err != nil {
			return built, err
		}
	}
	fmt.Println("building", built.Reference())
	return built, builder.build(ctx, built, image.Dockerfile, image.Context, "--tag", marker)
}

func (b *builder) build(ctx context.Context, built Built, dockerfile, folder string, more ...string) error {
	args := append([]string{"build", "--isolation", "chroot", "--pull-never", "--layers", "--tag", built.Reference()}, more...)
	return b.buildah("image-"+filepath.Base(built.Name), append(args, "--file", dockerfile, folder)...).Do(ctx)
}

// lock keeps two commands from building in the one store at the same time.
func (b *builder) lock() (unlock func(), err error) {
	return cache.Lock(filepath.Join(b.store, "lock"))
}

func (i Image) key() cache.Key {
	key := cache.Key{Texts: []string{i.Name, string(i.Base)}, Files: []string{i.Dockerfile}}
	for _, pattern := range i.Files {
		key.Files = append(key.Files, filepath.Join(i.Context, pattern))
	}
	return key
}

func (b *builder) has(ctx context.Context, reference string) bool {
	return b.buildah("", "inspect", "--type", "image", reference).Do(ctx) == nil
}

// ensureBase makes Debian's minimal system from its packages, under the name
// that Dockerfiles start from.
func (b *builder) ensureBase(ctx context.Context, base Base) error {
	reference := fmt.Sprintf("docker.io/library/debian:%s-slim", base)
	if b.has(ctx, reference) {
		return nil
	}
	fmt.Println("building", reference)
	folder, err := os.MkdirTemp("", "vessel-base-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	archive := filepath.Join(folder, "rootfs.tar")
	bootstrap := run.Command{Args: []string{"mmdebstrap", "--variant=minbase", string(base), archive}, Log: filepath.Join(b.logs, "base.log")}
	if err := bootstrap.Do(ctx); err != nil {
		return err
	}
	dockerfile := filepath.Join(folder, "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM scratch\nADD rootfs.tar /\nCMD [\"bash\"]\n"), 0o644); err != nil {
		return err
	}
	return b.buildah("base-image", "build", "--isolation", "chroot", "--tag", reference, "--file", dockerfile, folder).Do(ctx)
}
