// Entries in another currency than their statement's.

package ofx

import (
	"bursar/internal/aggregate/format/statement"
)

// Limits of the entries that are kept until the statement ends.
const (
	maxForeign = 64 << 20 // bytes of entries in other currencies
	entryCost  = 512      // of an entry besides its texts
)

// foreignEntries are a statement's entries in other currencies. The statement's sum is in its own currency; those of
// each other currency are reported as a separate statement of the same account and interval.
type foreignEntries struct {
	currencies []string // in the order of the file
	entries    map[string][]statement.Entry
	bytes      int
}

// isForeign reports whether an entry is in another currency than its statement, if that has one.
func (w *statementState) isForeign(e *statement.Entry) bool {
	return w.Currency != "" && e.Currency != w.Currency
}

func (f *foreignEntries) add(e *statement.Entry) error {
	f.bytes += entryCost + len(e.Amount) + len(e.Reference) + len(e.Own) + len(e.Code) + len(e.Party) + len(e.Peer) + len(e.Text)
	if f.bytes > maxForeign {
		return statement.Refuse(e.Place, "the statement has more than %d bytes of entries in other currencies", maxForeign)
	}
	if f.entries == nil {
		f.entries = map[string][]statement.Entry{}
	}
	if f.entries[e.Currency] == nil {
		f.currencies = append(f.currencies, e.Currency)
	}
	f.entries[e.Currency] = append(f.entries[e.Currency], *e)
	return nil
}

// emit reports the kept entries.
func (f *foreignEntries) emit(out *statement.Emitter, template statement.Statement) {
	for _, currency := range f.currencies {
		template.Currency, template.Fault = currency, ""
		out.Begin(&template)
		for i := range f.entries[currency] {
			out.Entry(&f.entries[currency][i])
			out.EndEntry()
		}
		out.End()
	}
}
