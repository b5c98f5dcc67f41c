// bursar version.

package main

import "testing"

func TestBuildNamesRevision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		build build
		want  string
	}{
		{build{Version: "v1.0.0", Revision: "abc", Time: "2026-01-02T03:04:05Z", Go: "go1", Platform: "linux/amd64"}, "bursar v1.0.0 (revision abc of 2026-01-02T03:04:05Z, go1, linux/amd64)"},
		{build{Version: "v1.0.0", Revision: "abc", Modified: true, Go: "go1", Platform: "linux/amd64"}, "bursar v1.0.0 (revision abc with changes, go1, linux/amd64)"},
		{build{Version: "(devel)", Go: "go1", Platform: "linux/amd64"}, "bursar (devel) (revision unknown, go1, linux/amd64)"},
	} {
		if got := c.build.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
