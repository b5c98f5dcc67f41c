package event

import (
	"slices"

	"bursar/internal/event/scan"
)

// Undeclared are the columns of one CSV or Parquet file, or the properties of one of JSON lines, that its stream does not declare: they
// are left out. Of properties the first ones are named.
type Undeclared struct {
	File    string   `json:"file"`
	Columns []string `json:"columns"`
	More    bool     `json:"more,omitempty"` // there are others
}

// maxUndeclared is how many properties of a file are named, and maxUndeclaredFiles of how many files.
const (
	maxUndeclared      = scan.MaxUnknown - 1
	maxUndeclaredFiles = 100
)

// noteUndeclared notes properties of a file that the stream does not declare.
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
