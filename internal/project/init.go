// Creates a new project folder from an embedded example.

package project

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// DefaultExample is the example that Init uses by default.
const DefaultExample = "shop"

//go:embed templates
var templates embed.FS

// Examples lists the names of the examples.
func Examples() []string {
	entries, _ := templates.ReadDir("templates") // embedded: it is there
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Init creates a small working project folder: declarations, a sample file of events, and a .gitignore. An empty example is
// DefaultExample. It returns an error if the folder is not empty, so nothing is overwritten.
func Init(dir, example string) error {
	if example == "" {
		example = DefaultExample
	}
	if !slices.Contains(Examples(), example) {
		return fmt.Errorf("find example %s: use one of %s", doc.Brief(example), strings.Join(Examples(), ", "))
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("make project folder %s: it is not empty", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make project folder: %w", err)
	}
	files, err := fs.Sub(templates, path.Join("templates", example))
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err == nil { // it is embedded without its dot, because version control would apply it to Bursar's own files
		err = os.Rename(filepath.Join(dir, "gitignore"), filepath.Join(dir, ".gitignore"))
	}
	if err != nil {
		return fmt.Errorf("write example %s: %w", example, err)
	}
	return nil
}
