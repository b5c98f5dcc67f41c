// What a result names of rows and columns that are not ingested: rejected rows of a dry run, and undeclared properties.

package intake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/event"
	"bursar/internal/event/scan"
)

// Rejection is a row that a dry run rejects.
type Rejection struct {
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// RejectedMore counts further rows that a dry run rejects, by column and by the part of the reason that does not depend on the row.
type RejectedMore struct {
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// maxRejections bounds the rejected rows that are listed, and maxReasons the reasons by which the others are counted.
const (
	maxRejections = 10
	maxReasons    = 20
)

type rejections struct {
	listed []Rejection
	more   []RejectedMore
}

func (l *rejections) add(file *event.File, r *reject) {
	if len(l.listed) < maxRejections {
		name, row := file.At(r.Row)
		l.listed = append(l.listed, Rejection{File: name, Row: row, Column: r.Column, Reason: r.Reason})
		return
	}
	other := RejectedMore{Column: r.Column, Reason: commonReason(r.Reason)}
	i := slices.IndexFunc(l.more, func(m RejectedMore) bool { return m.Column == other.Column && m.Reason == other.Reason })
	if i < 0 {
		switch i = min(len(l.more), maxReasons); {
		case len(l.more) == maxReasons:
			l.more = append(l.more, RejectedMore{Reason: "other reasons"})
		case len(l.more) < maxReasons:
			l.more = append(l.more, other)
		}
	}
	l.more[i].Rows++
}

var bytePlace = regexp.MustCompile(` at byte \d+`)

// commonReason returns a reason without the value, and without the place of an earlier event or of a syntax error.
func commonReason(reason string) string {
	if value, err := strconv.QuotedPrefix(reason); err == nil {
		return strings.TrimLeft(reason[len(value):], "… ")
	}
	if reason, found := strings.CutPrefix(reason, event.ConflictReason); found {
		reason, _, _ = strings.Cut(reason, ",")
		return event.ConflictReason + reason
	}
	return bytePlace.ReplaceAllString(reason, "")
}

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
