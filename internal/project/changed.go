// Detects changes of the folder after it was read.

package project

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// fileDigests are digests of the folder's files, by name.
type fileDigests map[string][sha256.Size]byte

// readDigests reads the files with declarations. A file that cannot be read counts as empty.
func readDigests(dir string) fileDigests {
	files := fileDigests{}
	add := func(file string) {
		data, _ := readLimited(filepath.Join(dir, filepath.FromSlash(file))) // Read reports what cannot be read
		files[file] = sha256.Sum256(data)
	}
	add(configFile)
	for _, folder := range []string{"streams", "pipelines", "institutions"} {
		entries, _ := os.ReadDir(filepath.Join(dir, folder))
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".yaml" || ext == ".sql" {
				add(path.Join(folder, e.Name()))
			}
		}
	}
	return files
}

// InstitutionsDigest is a digest of the institutions' files as they were read.
func (p *Project) InstitutionsDigest() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.content)) {
		if strings.HasPrefix(name, "institutions/") {
			fmt.Fprintf(sum, "%q %x\n", name, p.content[name])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Changed names the files of the folder that were changed, added or removed since the project was read.
func (p *Project) Changed() (names []string) {
	now := readDigests(p.Dir)
	for name, digest := range now {
		if was, read := p.content[name]; !read || was != digest {
			names = append(names, name)
		}
	}
	for name := range p.content {
		if _, there := now[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
