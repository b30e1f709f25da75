package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// ToNode gives the local node an image that it doesn't have.
func ToNode(ctx context.Context, built Built) error {
	present, err := node.Images(ctx)
	if err != nil || slices.Contains(present, built.Reference()) {
		return err
	}
	return withArchive(ctx, built, func(archive string) error { return node.LoadImage(ctx, archive) })
}

// DropOlder frees what other builds of the same images take on the node.
func DropOlder(ctx context.Context, current []Built) error {
	present, err := node.Images(ctx)
	if err != nil {
		return err
	}
	var older []string
	for _, built := range current {
		for _, name := range present {
			if strings.HasPrefix(name, built.Name+":") && name != built.Reference() {
				older = append(older, name)
			}
		}
	}
	return node.DropImages(ctx, older)
}

// ToKind gives the nodes of a kind cluster an image.
func ToKind(ctx context.Context, built Built, cluster string) error {
	return withArchive(ctx, built, func(archive string) error {
		return run.Do(ctx, "kind", "load", "image-archive", archive, "--name", cluster)
	})
}

// ToRegistry pushes an image to a registry under the last part of its name,
// and returns it as pods name it there.
func ToRegistry(ctx context.Context, built Built, registry string) (Built, error) {
	builder, err := newBuilder()
	if err != nil {
		return Built{}, err
	}
	there := Built{Name: registry + "/" + filepath.Base(built.Name), Tag: built.Tag}
	fmt.Println("pushing", there.Reference())
	return there, builder.buildah("push", "push", built.Reference(), "docker://"+there.Reference()).Do(ctx)
}

// withArchive hands out an image as an OCI archive for as long as use takes.
func withArchive(ctx context.Context, built Built, use func(archive string) error) error {
	builder, err := newBuilder()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "vessel-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	archive := filepath.Join(folder, "image.tar")
	target := "oci-archive:" + archive + ":" + built.Reference()
	// It goes no further than this machine: compressing it would only take time.
	if err := builder.buildah("archive", "push", "--disable-compression", built.Reference(), target).Do(ctx); err != nil {
		return err
	}
	return use(archive)
}

// Size is what an image takes unpacked, in bytes.
func Size(ctx context.Context, built Built) (int64, error) {
	builder, err := newBuilder()
	if err != nil {
		return 0, err
	}
	var total int64
	err = builder.mounted(ctx, built, func(folder string) (err error) {
		total, err = folderSize(folder)
		return err
	})
	return total, err
}

// mounted hands out the files of an image for as long as use takes.
func (b *builder) mounted(ctx context.Context, built Built, use func(folder string) error) error {
	container, err := b.buildah("", "from", "--pull-never", built.Reference()).Output(ctx)
	if err != nil {
		return err
	}
	folder, err := b.buildah("", "mount", container).Output(ctx)
	if err == nil {
		err = use(folder)
	}
	return errors.Join(err, b.buildah("", "rm", container).Do(ctx))
}

func folderSize(folder string) (total int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
