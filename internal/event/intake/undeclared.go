// Undeclared columns and properties of ingested files.

package intake

import (
	"slices"

	"bursar/internal/event/scan"
)

// Undeclared names the columns of a CSV or Parquet file, or the first properties of JSON lines, that the stream does not declare. Their values are
// not stored.
type Undeclared struct {
	File    string   `json:"file"`
	Columns []string `json:"columns"`
	More    bool     `json:"more,omitempty"` // there are more
}

// maxUndeclared bounds the properties named per file, and maxUndeclaredFiles the files.
const (
	maxUndeclared      = scan.MaxUnknown - 1
	maxUndeclaredFiles = 100
)

// noteUndeclared records properties of a file that the stream does not declare.
func (w *batchWriter) noteUndeclared(file string, names []string) {
	for _, name := range names {
		last := len(w.undeclared) - 1
		if last < 0 || w.undeclared[last].File != file {
			if len(w.undeclared) == maxUndeclaredFiles {
				return
			}
			w.undeclared = append(w.undeclared, Undeclared{File: file})
			last++
		}
		u := &w.undeclared[last]
		switch {
		case slices.Contains(u.Columns, name):
		case len(u.Columns) == maxUndeclared:
			u.More = true
		default:
			u.Columns = append(u.Columns, name)
		}
	}
}
