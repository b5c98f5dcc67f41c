// Bounds what an import keeps in memory of its files, in bytes, however large their values are.

package rows

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// Limits bound the memory of an import. The budget that all files share shrinks as files are read.
type Limits struct {
	Reports  int // bytes of the notices and faults of all files
	Bindings int // bytes of the bindings of all files
	Balances int // bytes of the balances of one statement
}

// DefaultLimits are those of an import.
var DefaultLimits = Limits{Reports: 16 << 20, Bindings: 512 << 20, Balances: 16 << 20}

const (
	maxReports    = 10_000 // notices of a file, and likewise faults
	valueOverhead = 100    // approximate memory of a value in addition to its text
)

// reports are the notices and faults of a file. Those beyond the limits are only counted.
type reports struct {
	budget  *Limits
	notices []statement.Notice
	faults  []string

	moreNotices, moreFaults int64
}

// takes reports whether another report of some bytes is kept.
func (r *reports) takes(kept, bytes int) bool {
	if kept >= maxReports || bytes > r.budget.Reports {
		return false
	}
	r.budget.Reports -= bytes
	return true
}

func (r *reports) notice(n *statement.Notice) {
	size := valueOverhead
	for i := range n.Fields {
		size += valueOverhead + min(len(n.Fields[i].Name), statement.MaxValueLength) + min(len(n.Fields[i].Value), statement.MaxValueLength)
	}
	if !r.takes(len(r.notices), size) {
		r.moreNotices += max(n.Count, 1)
		return
	}
	kept := statement.Notice{Place: n.Place, What: statement.Brief(n.What, statement.MaxValueLength), Count: n.Count}
	for _, f := range n.Fields {
		kept.Fields = append(kept.Fields, statement.Field{Name: statement.Brief(f.Name, statement.MaxValueLength), Value: statement.Brief(f.Value, statement.MaxValueLength)})
	}
	r.notices = append(r.notices, kept)
}

func (r *reports) fault(account, day, fault string) {
	text := statement.Brief(fmt.Sprintf("account %s, %s: %s", statement.Brief(account, statement.MaxValueLength), day, fault), 2*statement.MaxTextLength)
	if !r.takes(len(r.faults), valueOverhead+len(text)) {
		r.moreFaults++
		return
	}
	r.faults = append(r.faults, strings.Clone(text))
}

// all returns the reports, with the number of those left out.
func (r *reports) all() ([]statement.Notice, []string) {
	notices, faults := r.notices, r.faults
	if r.moreNotices > 0 {
		notices = append(notices, statement.Notice{What: "further notices", Count: r.moreNotices})
	}
	if r.moreFaults > 0 {
		faults = append(faults, fmt.Sprintf("and %d more of its statements do not hold", r.moreFaults))
	}
	return notices, faults
}
