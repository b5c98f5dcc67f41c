// bursar version: shows the version of the build.

package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build describes how this binary was built.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`     // of the revision
	Modified bool   `json:"modified,omitempty"` // built from a working copy with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func currentBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b *build) String() string {
	from := "revision unknown"
	if b.Revision != "" {
		from = "revision " + b.Revision
		if b.Time != "" {
			from += " of " + b.Time
		}
		if b.Modified {
			from += " with changes"
		}
	}
	return fmt.Sprintf("bursar %s (%s, %s, %s)", b.Version, from, b.Go, b.Platform)
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of this build",
		Long:  `Shows the version, the source revision, the Go version and the platform of this build.`,
		Example: `  bursar version
  bursar version --json`,
		RunE: func(*cobra.Command, []string) error {
			b := currentBuild()
			return c.result(b, func(w io.Writer) { fmt.Fprintln(w, b.String()) })
		},
	}
}
