// Collects the faults of a statement.

package rows

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// faults are the first few faults of a statement. Its zero value is empty.
type faults struct {
	list []fault
	more int // number of further faults
}

// fault is one total that does not balance, or a value that cannot be added up.
type fault struct {
	place statement.Place
	text  string
}

// maxFaults is how many faults of a statement are kept.
const maxFaults = 3

// addFault keeps a fault. Its text is cut if values in it are longer than any valid one.
// The text is part of the statement's id (see close.go), so its words must not change.
func (f *faults) addFault(at statement.Place, format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fault{at, statement.Brief(fmt.Sprintf(format, args...), statement.MaxTextLength)})
}

// text is all faults in one line; empty if there are none. Places depend on how the file is written: they are shown to
// people, and are not part of the statement's content.
func (f *faults) text(places bool) string {
	list := make([]string, len(f.list), maxFaults+1)
	for i, one := range f.list {
		list[i] = one.text
		if places {
			list[i] = one.place.String() + ": " + one.text
		}
	}
	if f.more > 0 {
		list = append(list, fmt.Sprintf("and %d more", f.more))
	}
	return strings.Join(list, "; ")
}
