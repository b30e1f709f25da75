package demo

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestVariantsAreReadRelativeToTheMaster(t *testing.T) {
	const master = "#EXTM3U\n#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=1,BANDWIDTH=66000,CODECS=\"mp4a.40.2\"\naudio-64k/playlist.m3u8\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=131000\naudio-128k/playlist.m3u8\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(master)) }))
	defer server.Close()
	rungs, err := readMaster(t.Context(), server.URL+"/v1/default/song/audio/master.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rung := range rungs {
		got = append(got, rung.name()+" "+rung.bandwidth+" "+strings.TrimPrefix(rung.playlist.String(), server.URL))
	}
	want := []string{
		"audio-64k 66000 /v1/default/song/audio/audio-64k/playlist.m3u8",
		"audio-128k 131000 /v1/default/song/audio/audio-128k/playlist.m3u8",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAMasterWithoutVariantsDoesNotPlay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("#EXTM3U\n")) }))
	defer server.Close()
	if rungs, err := readMaster(t.Context(), server.URL); err == nil {
		t.Errorf("got %v", rungs)
	}
}

func TestTheFirstSegmentComesWithItsInitSegment(t *testing.T) {
	for name, test := range map[string]struct {
		playlist string
		want     []string
	}{
		"fragmented MP4": {"#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.0,\n00001.m4s\n#EXTINF:6.0,\n00002.m4s\n", []string{"init.mp4", "00001.m4s"}},
		"MPEG-TS":        {"#EXTM3U\n#EXTINF:6.0,\n00001.ts\n", []string{"00001.ts"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := firstSegment(test.playlist); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
