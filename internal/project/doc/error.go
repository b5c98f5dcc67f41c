// Errors of a project folder, with file and line.

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
