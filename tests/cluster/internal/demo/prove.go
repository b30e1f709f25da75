package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// prove fetches the master playlist of each asset through the origin, and of
// each rung the playlist and its first segment, and decodes that.
func (w *walk) prove(ctx context.Context) error {
	fmt.Println("\nDoes it play? The first segment of each rung, fetched from the origin and decoded by ffmpeg:")
	fmt.Printf("  %-14s %-24s %10s %10s %10s\n", "ASSET", "RUNG", "BANDWIDTH", "BYTES", "DECODED")
	for _, asset := range []string{sample, upload} {
		rungs, err := readMaster(ctx, w.playback(ctx, asset))
		if err != nil {
			return fmt.Errorf("%s does not play: %w", asset, err)
		}
		for _, rung := range rungs {
			bytes, seconds, err := rung.decode(ctx)
			if err != nil {
				return fmt.Errorf("%s does not play: %s: %w", asset, rung.playlist, err)
			}
			fmt.Printf("  %-14s %-24s %10s %10d %8.2f s\n", asset, rung.name(), rung.bandwidth, bytes, seconds)
		}
	}
	return nil
}

// rung is one variant of a master playlist.
type rung struct {
	playlist  *url.URL
	bandwidth string
}

func (r rung) name() string { return filepath.Base(filepath.Dir(r.playlist.Path)) }

var bandwidth = regexp.MustCompile(`[:,]BANDWIDTH=(\d+)`)

// readMaster lists the variants of a master playlist (RFC 8216, 4.3.4.2).
func readMaster(ctx context.Context, address string) ([]rung, error) {
	master, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	text, err := fetch(ctx, master)
	if err != nil {
		return nil, err
	}
	var rungs []rung
	var last []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-STREAM-INF:"):
			last = bandwidth.FindStringSubmatch(line)
		case line != "" && line[0] != '#' && last != nil:
			playlist, err := master.Parse(line)
			if err != nil {
				return nil, err
			}
			rungs = append(rungs, rung{playlist: playlist, bandwidth: last[1]})
		}
	}
	if len(rungs) == 0 {
		return nil, fmt.Errorf("%s names no variant", master)
	}
	return rungs, nil
}

// decode returns the size of a rung's first segment and how long it plays.
func (r rung) decode(ctx context.Context) (bytes int, seconds float64, err error) {
	text, err := fetch(ctx, r.playlist)
	if err != nil {
		return 0, 0, err
	}
	var media []byte
	for _, name := range firstSegment(string(text)) {
		address, err := r.playlist.Parse(name)
		if err != nil {
			return 0, 0, err
		}
		part, err := fetch(ctx, address)
		if err != nil {
			return 0, 0, err
		}
		media = append(media, part...)
	}
	seconds, err = play(ctx, media)
	return len(media), seconds, err
}

var initSegment = regexp.MustCompile(`#EXT-X-MAP:.*URI="([^"]+)"`)

// firstSegment names the init segment, where there is one, and the first
// segment of a media playlist.
func firstSegment(playlist string) (names []string) {
	if found := initSegment.FindStringSubmatch(playlist); found != nil {
		names = append(names, found[1])
	}
	lines := bufio.NewScanner(strings.NewReader(playlist))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			return append(names, line)
		}
	}
	return names
}

// play decodes media to samples and returns how many seconds they last.
func play(ctx context.Context, media []byte) (float64, error) {
	file, err := os.CreateTemp("", "vessel-segment-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(media); err != nil {
		return 0, err
	}
	if err := file.Close(); err != nil {
		return 0, err
	}
	const rate, width = 48000, 2
	command := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-xerror", "-i", file.Name(), "-map", "0:a:0", "-ac", "1", "-ar", fmt.Sprint(rate), "-f", "s16le", "-")
	var said strings.Builder
	command.Stderr = &said
	samples, err := command.Output()
	if err != nil || len(samples) == 0 {
		return 0, fmt.Errorf("ffmpeg decoded %d bytes of sound (%v): %s", len(samples), err, said.String())
	}
	return float64(len(samples)) / rate / width, nil
}

func fetch(ctx context.Context, address *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", address, response.Status, text)
	}
	return text, err
}

// awaitPort waits until something listens at an address.
func awaitPort(ctx context.Context, address string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens at %s: %w", address, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
