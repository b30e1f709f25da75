// Package release installs Vessel's chart.
package release

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/vesselmedia/vessel/tests/cluster/internal/images"
	"github.com/vesselmedia/vessel/tests/cluster/internal/node"
	"github.com/vesselmedia/vessel/tests/cluster/internal/target"
)

// Where the release stands.
const (
	Name      = "vessel"
	Namespace = "vessel"
)

// Origin is where the local cluster's assets play, as values.yaml says.
const Origin = "http://" + node.NodeIP + ":30080"

// Install installs or upgrades the release with the images, by the name of
// their component in the chart's values. HELM_ARGS adds to the command line.
func Install(ctx context.Context, cluster target.Cluster, built map[string]images.Built) error {
	args := []string{"upgrade", "--install", Name, "charts/vessel", "--namespace", Namespace, "--create-namespace", "--wait", "--timeout", "3m"}
	for component, image := range built {
		registry, repository, _ := strings.Cut(image.Name, "/")
		for key, value := range map[string]string{"registry": registry, "repository": repository, "tag": image.Tag} {
			args = append(args, "--set-string", fmt.Sprintf("image.%s.%s=%s", component, key, value))
		}
	}
	if cluster.Local() {
		args = append(args, "--values", "tests/cluster/values.yaml")
	}
	args = append(args, strings.Fields(os.Getenv("HELM_ARGS"))...)
	if err := cluster.Helm(args...).Do(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, describe(context.WithoutCancel(ctx), cluster))
	}
	return nil
}

// describe is what somebody asks first about a release that does not get ready.
func describe(ctx context.Context, cluster target.Cluster) string {
	var text strings.Builder
	for _, args := range [][]string{
		{"get", "pods,pvc", "--output=wide"},
		{"get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"},
		{"logs", "--selector=app.kubernetes.io/name=vessel", "--tail=10", "--prefix", "--ignore-errors", "--all-containers"},
	} {
		command := cluster.Kubectl(append(args, "--namespace", Namespace)...)
		fmt.Fprintf(&text, "\n$ kubectl %s\n", strings.Join(command.Args[3:], " "))
		output, err := command.Output(ctx)
		if err != nil {
			output = err.Error()
		}
		text.WriteString(output + "\n")
	}
	return text.String()
}
