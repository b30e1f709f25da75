package images

import (
	"context"
	"path/filepath"

	"github.com/vesselmedia/vessel/tests/cluster/internal/cache"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

const mebibyte = 1 << 20

// Component is an image of Vessel's own, with the most that it may take unpacked.
type Component struct {
	Name   string // as the chart's values call it
	Budget int64
}

// Components are the images that `make dist` has made the binaries for.
var Components = []Component{
	{Name: "operator", Budget: 130 * mebibyte},
	{Name: "transcoder", Budget: 350 * mebibyte},
	{Name: "origin", Budget: 130 * mebibyte},
}

// Image is how a component is built from a clone.
func (c Component) Image(clone string) Image {
	return Image{
		Name:       "docker.io/vesselmedia/" + c.Name,
		Dockerfile: filepath.Join(clone, c.Name, "Dockerfile"),
		Context:    clone,
		Files:      []string{"dist/bin/vessel-" + c.Name},
		Base:       Debian,
	}
}

// Ffmpeg is a folder with the ffmpeg of the transcoder's image and what it
// links: the tests of the transcoder use it without a container.
func Ffmpeg(ctx context.Context, clone string) (string, error) {
	dockerfile := filepath.Join(clone, "transcoder/Dockerfile")
	return cache.Ensure("ffmpeg", cache.Key{Files: []string{dockerfile}}, func(dir string) error {
		builder, err := newBuilder()
		if err != nil {
			return err
		}
		unlock, err := builder.lock()
		if err != nil {
			return err
		}
		defer unlock()
		if err := builder.ensureBase(ctx, Debian); err != nil {
			return err
		}
		stage := Built{Name: "localhost/transcoder-libraries", Tag: "latest"}
		if err := builder.build(ctx, stage, dockerfile, clone, "--target", "libraries"); err != nil {
			return err
		}
		return builder.mounted(ctx, stage, func(folder string) error {
			return run.Do(ctx, "cp", "--archive", filepath.Join(folder, "rootfs")+"/.", dir)
		})
	})
}

// Pause builds the image that every pod of the local node needs.
func Pause(ctx context.Context, module string) (Built, error) {
	program, err := tools.Pause(ctx, module)
	if err != nil {
		return Built{}, err
	}
	return buildProgram(ctx, module, program, node.PauseImage, node.PauseTag)
}

// Store builds the embedded store's image, under its public name.
func Store(ctx context.Context, module string) (Built, error) {
	program, err := tools.Store(ctx)
	if err != nil {
		return Built{}, err
	}
	return buildProgram(ctx, module, program, "docker.io/versity/versitygw", tools.Versitygw)
}

// buildProgram builds the image of a program of the cache, from the folder of
// the same name below images/.
func buildProgram(ctx context.Context, module, program, name, tag string) (Built, error) {
	return Build(ctx, Image{
		Name:       name,
		Dockerfile: filepath.Join(module, "images", filepath.Base(program), "Dockerfile"),
		Context:    filepath.Dir(program),
		Files:      []string{filepath.Base(program)},
	}, tag)
}
