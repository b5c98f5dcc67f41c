// What does not hold, in words.

package aggregate

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
)

// faults are the first few things that do not hold. Its zero value is none.
type faults struct {
	list []fault
	more int // further ones
}

// fault is one thing that does not hold.
type fault struct {
	at   statement.Place
	text string
}

// maxFaults is how many faults of a statement are told.
const maxFaults = 3

// addFault keeps a fault, without the rest of values that are longer than any that can be added up.
func (f *faults) addFault(at statement.Place, format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fault{at, brief(fmt.Sprintf(format, args...), longestText)})
}

// text is what does not hold, in one line; empty if everything does. Places depend on how the file is written: they are for
// people, and no part of what the statement says.
func (f *faults) text(places bool) string {
	list := make([]string, len(f.list), maxFaults+1)
	for i, one := range f.list {
		list[i] = one.text
		if places {
			list[i] = one.at.String() + ": " + one.text
		}
	}
	if f.more > 0 {
		list = append(list, fmt.Sprintf("and %d more", f.more))
	}
	return strings.Join(list, "; ")
}

// joinTexts are two texts in one line, of which either may be empty.
func joinTexts(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
