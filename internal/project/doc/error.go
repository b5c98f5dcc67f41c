// Errors of a project folder, with file and line: how a mistake gets its line.

package doc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one error in the project folder. File is relative to the folder and slash-separated; Line starts at 1.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`

	// Stored marks an error in a declaration that earlier versions accepted, so that results of it may be stored: the project can be
	// opened and read, and only changes are rejected.
	Stored bool `json:"-"`
}

// Error formats the error on one line, as compilers do.
func (e Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Lines maps the path of each key, such as "columns.amount.type" or "key.1", to its line.
type Lines map[string]int

// At returns the line of a path, or of the nearest enclosing key.
func (l Lines) At(path string) int {
	for {
		if line, ok := l[path]; ok {
			return line
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return 1
		}
		path = path[:i]
	}
}

// Fail reports an error in a line.
func (s *File) Fail(line int, format string, args ...any) {
	switch {
	case len(s.Errs) < MaxErrors:
		s.Errs = append(s.Errs, Error{File: s.Path, Line: line, Message: fmt.Sprintf(format, args...)})
	case len(s.Errs) == MaxErrors:
		s.Errs = append(s.Errs, Error{File: s.Path, Line: line, Message: "there are more errors in this file"})
	}
}

// FailAt reports an error at the value of a path.
func (s *File) FailAt(path, format string, args ...any) {
	s.Fail(s.Lines.At(path), format, args...)
}

// maxFaults bounds the errors in the text of an error made by Faults.
const maxFaults = 20

// Faults combines at least one error into an error of one line.
func Faults(faults []Error) error {
	texts := make([]string, 0, maxFaults+1)
	for i, fault := range faults {
		if i == maxFaults {
			texts = append(texts, fmt.Sprintf("and %d more; `bursar check` lists them", len(faults)-i))
			break
		}
		texts = append(texts, fault.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}

// SortErrors sorts errors by file and line.
func SortErrors(errs []Error) {
	slices.SortStableFunc(errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
