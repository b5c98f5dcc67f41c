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
	files, err := fs.Sub(templates, path.Join("templates", example))
	if err != nil || strings.ContainsAny(example, "/.") || !isDir(files) {
		return fmt.Errorf("find example %s: use one of %s", doc.Brief(example), strings.Join(Examples(), ", "))
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("make project folder %s: it is not empty", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make project folder: %w", err)
	}
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if e.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		return copyFile(files, name, to)
	})
	if err != nil {
		return fmt.Errorf("write example %s: %w", example, err)
	}
	return nil
}

func isDir(files fs.FS) bool {
	info, err := fs.Stat(files, ".")
	return err == nil && info.IsDir()
}

// copyFile writes one file of an example. The .gitignore is embedded without its dot: version control would apply it to Bursar's own
// files.
func copyFile(files fs.FS, name, to string) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if name == "gitignore" {
		to = filepath.Join(filepath.Dir(to), ".gitignore")
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
