package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
)

// Images are the names of the images that the node holds.
func Images(ctx context.Context) ([]string, error) {
	names, err := run.Output(ctx, ctr("images", "list", "--quiet")...)
	return strings.Fields(names), err
}

// LoadImage gives the node the image of an OCI archive.
func LoadImage(ctx context.Context, archive string) error {
	if err := run.Do(ctx, ctr("images", "import", archive)...); err != nil {
		return fmt.Errorf("load an image: %w", err)
	}
	return nil
}

// DropImages frees what older builds left on the node.
func DropImages(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return run.Do(ctx, ctr(append([]string{"images", "delete"}, names...)...)...)
}
