// Collects what a verification has found.

package record

import (
	"errors"
	"fmt"
)

// mostFaults bounds the faults that a verification names.
const mostFaults = 10

// Faults are what a verification has found. The first ones are kept; the others are counted.
type Faults struct {
	first []error
	count int
}

// Add adds a fault.
func (f *Faults) Add(format string, args ...any) {
	f.count++
	if len(f.first) < mostFaults {
		f.first = append(f.first, fmt.Errorf(format, args...))
	}
}

// Join adds other faults.
func (f *Faults) Join(o *Faults) {
	f.first = append(f.first, o.first[:min(len(o.first), mostFaults-len(f.first))]...)
	f.count += o.count
}

// Err returns what was found, or nil.
func (f *Faults) Err() error {
	err := errors.Join(f.first...)
	if more := f.count - len(f.first); more > 0 {
		err = errors.Join(err, fmt.Errorf("and %d more", more))
	}
	return err
}
