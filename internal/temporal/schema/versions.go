// The versions of the schemas, as the server's module embeds them: a folder each, with a manifest and files of SQL.

package schema

import (
	"bytes"
	"crypto/md5" //nolint:gosec // identifies a manifest, as Temporal's own tool does
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/schema"
	v12 "go.temporal.io/server/schema/postgresql/v12"
)

// ServerVersion is the version of the server whose schemas these are.
const ServerVersion = headers.ServerVersion

// version is one version of a schema: its manifest and its statements.
type version struct {
	CurrVersion          string
	MinCompatibleVersion string
	Description          string
	SchemaUpdateCqlFiles []string

	digest     string // MD5 of the manifest
	statements []string
}

// latest returns the newest version that is known.
func latest(d Database) string {
	if d == Visibility {
		return v12.VisibilityVersion
	}
	return v12.Version
}

// newer returns the versions after one, in order; all of them if there is none.
func newer(d Database, after string) (found []version, err error) {
	folder := path.Join("postgresql", "v12", string(d), "versioned")
	entries, err := fs.ReadDir(schema.Assets(), folder)
	if err != nil {
		return nil, fmt.Errorf("list the versions of the schema: %w", err)
	}
	for _, entry := range entries {
		v, err := readVersion(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read version %s of the schema: %w", entry.Name(), err)
		}
		if after == "" || compare(v.CurrVersion, after) > 0 {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b version) int { return compare(a.CurrVersion, b.CurrVersion) })
	return found, nil
}

func readVersion(folder string) (v version, err error) {
	manifest, err := fs.ReadFile(schema.Assets(), path.Join(folder, "manifest.json"))
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(manifest, &v); err != nil {
		return v, err
	}
	sum := md5.Sum(manifest) //nolint:gosec // as above
	v.digest = hex.EncodeToString(sum[:])
	for _, name := range v.SchemaUpdateCqlFiles {
		text, err := fs.ReadFile(schema.Assets(), path.Join(folder, name))
		if err != nil {
			return v, err
		}
		statements, err := persistence.LoadAndSplitQueryFromReaders([]io.Reader{bytes.NewReader(text)})
		if err != nil {
			return v, err
		}
		v.statements = append(v.statements, statements...)
	}
	return v, nil
}

// compare compares two versions such as 1.9 and 1.10, by their numbers.
func compare(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(v string) []int {
	var major, minor, patch int
	_, _ = fmt.Sscanf(v, "%d.%d.%d", &major, &minor, &patch) // numbers that are missing are 0
	return []int{major, minor, patch}
}
