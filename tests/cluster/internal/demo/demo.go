// Package demo walks through the first ten minutes with Vessel, by commands
// that a person can type, and proves that what it made plays.
package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vesselmedia/vessel/tests/cluster/internal/debian"
	"github.com/vesselmedia/vessel/tests/cluster/internal/release"
	"github.com/vesselmedia/vessel/tests/cluster/internal/run"
	"github.com/vesselmedia/vessel/tests/cluster/internal/target"
)

// The assets of config/samples that the walk makes, in the user's namespace.
const (
	sample = "night-drive"
	upload = "my-song"
)

// walk is one demonstration on one cluster.
type walk struct {
	cluster target.Cluster
	origin  string // where the origin is reached from here
}

// Run walks from an installed release to two assets that play.
func Run(ctx context.Context, cluster target.Cluster) error {
	if err := debian.Ensure(ctx, "curl", "ffmpeg"); err != nil {
		return err
	}
	w := &walk{cluster: cluster, origin: release.Origin}
	if !cluster.Local() {
		stop, err := w.forward(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	for _, step := range []func(context.Context) error{w.awaitStore, w.playSample, w.uploadRecording, w.prove, w.summary} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitStore waits until the bucket is known to work and holds the sample.
func (w *walk) awaitStore(ctx context.Context) error {
	if err := w.kubectl(ctx, "wait", "--for=condition=Ready", "mediastore/main", "--timeout=120s"); err != nil {
		return err
	}
	if err := w.kubectl(ctx, "wait", "--for=condition=Complete", "job", "--selector=app.kubernetes.io/component=sample", "--namespace="+release.Namespace, "--timeout=120s"); err != nil {
		return err
	}
	return w.kubectl(ctx, "get", "mediastores,transcodeprofiles")
}

// playSample makes the first asset, from an object of the bucket.
func (w *walk) playSample(ctx context.Context) error {
	if err := w.kubectl(ctx, "apply", "--filename", "config/samples/asset.yaml"); err != nil {
		return err
	}
	return w.awaitReady(ctx, sample)
}

// awaitReady shows an asset's progress until it plays.
func (w *walk) awaitReady(ctx context.Context, asset string) error {
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		_ = w.cluster.Kubectl("get", "mediaasset", asset, "--watch").Show(watching) // ends by being stopped
		close(watched)
	}()
	err := w.cluster.Kubectl("wait", "--for=condition=Ready", "mediaasset/"+asset, "--timeout=180s").Do(ctx)
	stop()
	<-watched
	if err == nil {
		return nil
	}
	state, failed := w.cluster.Kubectl("describe", "mediaasset/"+asset).Output(ctx)
	if failed != nil {
		state = failed.Error()
	}
	return fmt.Errorf("%w\n%s", err, state)
}

// uploadRecording makes the second asset, from a file of this machine.
func (w *walk) uploadRecording(ctx context.Context) error {
	recording, err := recording(ctx)
	if err != nil {
		return err
	}
	if err := w.kubectl(ctx, "apply", "--filename", "config/samples/upload.yaml"); err != nil {
		return err
	}
	if w.field(ctx, upload, `{.status.conditions[?(@.type=="Ready")].status}`) == "True" {
		fmt.Printf("%s was uploaded before\n", upload)
		return nil
	}
	if err := w.kubectl(ctx, "wait", "--for=jsonpath={.status.upload.secretName}", "mediaasset/"+upload, "--timeout=60s"); err != nil {
		return err
	}
	secret := w.field(ctx, upload, "{.status.upload.secretName}")
	url, err := w.cluster.Kubectl("get", "secret", secret, "--output=go-template={{.data.url | base64decode}}").Output(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("$ curl -T %s \"$URL\"   # the key `url` of the Secret %s\n", recording, secret)
	if err := run.Do(ctx, "curl", "--fail-with-body", "--silent", "--show-error", "-T", recording, url); err != nil {
		return err
	}
	return w.awaitReady(ctx, upload)
}

// recording is a person's voice, from a package of Debian's.
func recording(ctx context.Context) (string, error) {
	return debian.File(ctx, "alsa-utils", "usr/share/sounds/alsa/Front_Center.wav")
}

// summary ends with what there is and what to try next.
func (w *walk) summary(ctx context.Context) error {
	fmt.Println()
	if err := w.kubectl(ctx, "get", "mediaassets", "--output=wide"); err != nil {
		return err
	}
	namespace := w.field(ctx, sample, "{.metadata.namespace}")
	fmt.Printf(`
Playback: %s
In a browser: %s/watch/%s/%s

Try next:
  export KUBECONFIG=%s PATH=%s:$PATH
  kubectl get transcodejobs                          # one for each asset and profile
  kubectl apply -f config/samples/broken.yaml        # says what is wrong with it
  kubectl describe mediaasset broken
  kubectl delete mediaasset %s                  # withdrawn at once, its storage soon
  make down
`, w.playback(ctx, sample), w.origin, namespace, sample, w.cluster.Kubeconfig, filepath.Join(w.cluster.Clone, ".cluster/bin"), upload)
	return nil
}

// kubectl shows a command and runs it.
func (w *walk) kubectl(ctx context.Context, args ...string) error {
	fmt.Println("$ kubectl", strings.Join(args, " "))
	return w.cluster.Kubectl(args...).Show(ctx)
}

// field is one field of an asset, empty while it isn't there.
func (w *walk) field(ctx context.Context, asset, path string) string {
	value, err := w.cluster.Kubectl("get", "mediaasset", asset, "--output=jsonpath="+path).Output(ctx)
	if err != nil {
		return ""
	}
	return value
}

// playback is the URL by which an asset plays from here.
func (w *walk) playback(ctx context.Context, asset string) string {
	url := w.field(ctx, asset, "{.status.playback[0].hls}")
	if strings.HasPrefix(url, "/") {
		return w.origin + url
	}
	return url
}

// forward makes the Services reachable from here as NOTES.txt says, until the
// returned function is called.
func (w *walk) forward(ctx context.Context) (stop func(), err error) {
	w.origin = "http://localhost:8080"
	forwarding, stop := context.WithCancel(ctx)
	for service, ports := range map[string]string{"vessel-store": "9000:80", "vessel-origin": "8080:80"} {
		command := w.cluster.Kubectl("port-forward", "service/"+service, ports, "--namespace="+release.Namespace)
		fmt.Println("$ kubectl", strings.Join(command.Args[3:], " "), "&")
		go func() {
			if err := command.Do(forwarding); forwarding.Err() == nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	for _, address := range []string{"localhost:9000", "localhost:8080"} {
		if err := awaitPort(ctx, address, 20*time.Second); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}
