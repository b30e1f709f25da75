package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/vesselmedia/vessel/tests/cluster/internal/debian"
	"github.com/vesselmedia/vessel/tests/cluster/internal/demo"
	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/release"
	"github.com/vesselmedia/vessel/tests/cluster/internal/target"
	"github.com/vesselmedia/vessel/tests/cluster/internal/tools"
)

// start brings up the bare cluster, without Vessel; with another cluster in
// KUBECONFIG it starts nothing.
func start(ctx context.Context, clone string) error {
	_, err := startCluster(ctx, clone)
	return err
}

func startCluster(ctx context.Context, clone string) (target.Cluster, error) {
	kube, err := tools.Kube(ctx, module(clone))
	if err != nil {
		return target.Cluster{}, err
	}
	if err := node.LinkPrograms(clone, kube); err != nil {
		return target.Cluster{}, err
	}
	cluster, err := target.Find(ctx, clone)
	if err != nil {
		return cluster, err
	}
	if err := debian.Ensure(ctx, images.Packages...); err != nil {
		return cluster, err
	}
	if !cluster.Local() {
		fmt.Printf("using the cluster of the context %q\n", cluster.Context)
		return cluster, nil
	}
	if err := debian.Ensure(ctx, node.Packages...); err != nil {
		return cluster, err
	}
	if err := node.Start(ctx, clone, kube); err != nil {
		return cluster, err
	}
	pause, err := images.Pause(ctx, module(clone))
	if err != nil {
		return cluster, err
	}
	return cluster, images.ToNode(ctx, pause)
}

// up brings up the cluster, the images and the release.
func up(ctx context.Context, clone string) error {
	cluster, err := startCluster(ctx, clone)
	if err != nil {
		return err
	}
	built, err := buildAll(ctx, clone, cluster)
	if err != nil {
		return err
	}
	for component, image := range built {
		if built[component], err = cluster.Deliver(ctx, image); err != nil {
			return err
		}
	}
	if err := release.Install(ctx, cluster, built); err != nil {
		return err
	}
	if cluster.Local() {
		// Not before: until now pods of the last release could need theirs.
		if err := images.DropOlder(ctx, slices.Collect(maps.Values(built))); err != nil {
			return err
		}
	}
	fmt.Printf("Vessel is installed in the namespace %s; to use it:\n  export KUBECONFIG=%s PATH=%s/.cluster/bin:$PATH\n", release.Namespace, cluster.Kubeconfig, clone)
	return nil
}

// demonstrate walks through the first minutes on the release that is up.
func demonstrate(ctx context.Context, clone string) error {
	cluster, err := target.Find(ctx, clone)
	if err != nil {
		return err
	}
	return demo.Run(ctx, cluster)
}

// buildAll builds the images by the name of their component. A cluster of the
// user's pulls the embedded store's from its public name.
func buildAll(ctx context.Context, clone string, cluster target.Cluster) (map[string]images.Built, error) {
	built := map[string]images.Built{}
	for _, component := range images.Components {
		image, err := images.Build(ctx, component.Image(clone), "")
		if err != nil {
			return nil, err
		}
		built[component.Name] = image
	}
	if cluster.Local() {
		store, err := images.Store(ctx, module(clone))
		if err != nil {
			return nil, err
		}
		built["store"] = store
	}
	return built, nil
}

// buildImages builds Vessel's images and holds their sizes against the budgets.
func buildImages(ctx context.Context, clone string) error {
	if err := debian.Ensure(ctx, images.Packages...); err != nil {
		return err
	}
	for _, component := range images.Components {
		image, err := images.Build(ctx, component.Image(clone), "")
		if err != nil {
			return err
		}
		if err := checkSize(ctx, component, image); err != nil {
			return err
		}
	}
	return nil
}

func checkSize(ctx context.Context, component images.Component, image images.Built) error {
	size, err := images.Size(ctx, image)
	if err != nil {
		return err
	}
	const mebibyte = 1 << 20
	fmt.Printf("%-60s %4d MiB unpacked of %d\n", image.Reference(), size/mebibyte, component.Budget/mebibyte)
	if size > component.Budget {
		return fmt.Errorf("the image of %s is over its budget: see what its Dockerfile copies", component.Name)
	}
	return nil
}
