// The entries of an account while an operation works on them, and the versions that result.

package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// book is the entries of an account. Entries that an operation changes are touched first, so that it ends in one version of each.
type book struct {
	account  Account
	at       time.Time
	entries  map[string]*Entry
	sources  map[string]*Entry // by every id of the institution, earlier ones included; merged entries have none
	before   map[string]Entry  // touched entries as they were
	absorbed map[string][]string
	state    State

	rejected, suggested map[Pair]bool // as in the state
	decidedPairs        map[Pair]bool // whose suggestions this operation closes
}

// open reads the entries of an account. They are not changed. Times are kept in microseconds, as in streams.
func open(a Account, known []Entry, s State, at time.Time) (*book, error) {
	b := &book{
		account: a, at: at.UTC().Truncate(time.Microsecond), entries: make(map[string]*Entry, len(known)), sources: make(map[string]*Entry, len(known)),
		before: map[string]Entry{}, absorbed: map[string][]string{}, state: s.clone(),
		rejected: map[Pair]bool{}, suggested: map[Pair]bool{}, decidedPairs: map[Pair]bool{},
	}
	for _, pair := range s.Rejected {
		b.rejected[pair] = true
	}
	for i := range s.Open {
		b.suggested[s.Open[i].Pair] = true
	}
	list := slices.Clone(known)
	for i := range list {
		e := &list[i]
		if b.entries[e.ID] != nil {
			return nil, fmt.Errorf("account %q has two entries %s", a.ID, e.ID)
		}
		b.entries[e.ID] = e
		if e.Status == Merged {
			continue
		}
		for _, id := range e.sourceIDs() {
			if other := b.sources[id]; other != nil {
				return nil, fmt.Errorf("transaction %q of account %q is in both entries %s and %s", id, a.ID, other.ID, e.ID)
			}
			b.sources[id] = e
		}
	}
	return b, nil
}

// sourceIDs are all ids of the institution that an entry has.
func (e *Entry) sourceIDs() []string {
	ids := make([]string, 0, len(e.Aliases)+1)
	for i := range e.Aliases {
		ids = append(ids, e.Aliases[i].Source)
	}
	return append(ids, e.Source)
}

// alias is the position of an earlier id among an entry's aliases, or -1.
func (e *Entry) alias(source string) int {
	return slices.IndexFunc(e.Aliases, func(a Alias) bool { return a.Source == source })
}

// touch prepares an entry to be changed, and states why. Several reasons in one operation are all stated.
func (b *book) touch(e *Entry, evidence string) {
	if _, touched := b.before[e.ID]; !touched {
		b.before[e.ID] = *e
		e.Aliases = slices.Clone(e.Aliases)
		e.Evidence = ""
	}
	switch {
	case e.Evidence == "":
		e.Evidence = evidence
	case evidence != "" && evidence != e.Evidence:
		e.Evidence += "; " + evidence
	}
}

// digest is an id made from texts. Each is digested with its length, so that different lists never digest the same bytes.
func digest(texts ...string) string {
	var buffer []byte
	for _, t := range texts {
		buffer = append(binary.AppendUvarint(buffer, uint64(len(t))), t...)
	}
	sum := sha256.Sum256(buffer)
	return hex.EncodeToString(sum[:16])
}

// entryID is the n-th id of entries whose first id of the institution is source, from 0.
func (b *book) entryID(source string, n int) string {
	return digest("transaction", b.account.Institution, b.account.ID, source, strconv.Itoa(n))
}

// entryFrom returns the entry of a transaction with these ids: the one that was merged into another before, else a new one.
func (b *book) entryFrom(source string, aliases []Alias) *Entry {
	first := source
	if len(aliases) > 0 {
		first = aliases[0].Source
	}
	for n := 0; ; n++ {
		id := b.entryID(first, n)
		e := b.entries[id]
		switch {
		case e == nil:
			e = &Entry{ID: id, First: b.at}
			b.entries[id] = e
		case e.Status != Merged:
			continue
		}
		b.touch(e, "")
		e.Source, e.Aliases, e.Was, e.Into = source, slices.Clone(aliases), "", ""
		for _, id := range e.sourceIDs() {
			b.sources[id] = e
		}
		return e
	}
}

// add adds the entry of a transaction that is not known yet.
func (b *book) add(r *reported) *Entry {
	aliases, evidence := b.unseen(r), "the institution reports it"
	if aliases != nil {
		evidence = postsEvidence(r)
	}
	e := b.entryFrom(r.id, aliases)
	b.touch(e, evidence)
	e.Status, e.Content = r.status, r.Content
	return e
}

// vanish changes an entry to one that the institution no longer has.
func (b *book) vanish(e *Entry, evidence string) {
	b.touch(e, evidence)
	e.Status, e.Was = Vanished, e.Status
}

// changes are by how much an entry changes the sums of its currency.
func (e *Entry) changes() (posted, pending statement.Sum) {
	switch e.Status {
	case Posted:
		posted = e.amount()
	case Pending:
		pending = e.amount()
	}
	return posted, pending
}

// finish returns the changed entries and their versions.
func (b *book) finish() (entries []Entry, versions []Version) {
	ids := make([]string, 0, len(b.before))
	for id := range b.before {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		e, was := b.entries[id], b.before[id]
		if was.Version > 0 && e.equals(&was) {
			e.Evidence = was.Evidence
			if !slices.Equal(e.Aliases, was.Aliases) { // what is known of its earlier ids
				entries = append(entries, *e)
			}
			continue
		}
		versions = append(versions, b.versions(&was, e)...)
		entries = append(entries, *e)
	}
	return entries, versions
}

// equals reports whether two states of an entry are the same version.
func (e *Entry) equals(o *Entry) bool {
	return e.Status == o.Status && e.Source == o.Source && e.Into == o.Into && e.Content == o.Content &&
		slices.EqualFunc(e.Aliases, o.Aliases, func(x, y Alias) bool { return x.Source == y.Source })
}

// versions numbers the new state of an entry. A changed currency makes two versions, because the sums of both change.
func (b *book) versions(was, e *Entry) (list []Version) {
	posted, pending := e.changes()
	oldPosted, oldPending := was.changes()
	e.Version, e.At = was.Version, b.at
	if was.Version > 0 && was.Currency != e.Currency && (oldPosted.Sign() != 0 || oldPending.Sign() != 0) {
		old := *was
		old.Version, old.Status = was.Version+1, Vanished
		old.Evidence = fmt.Sprintf("its currency changes from %s to %s", was.Currency, e.Currency)
		none := statement.Sum{}
		list = append(list, b.version(&old, none.Minus(oldPosted), none.Minus(oldPending)))
		e.Version++
		oldPosted, oldPending = none, none
	}
	e.Version++
	return append(list, b.version(e, posted.Minus(oldPosted), pending.Minus(oldPending)))
}

func (b *book) version(e *Entry, posted, pending statement.Sum) Version {
	replaces := slices.Sorted(slices.Values(b.absorbed[e.ID]))
	return Version{
		EventID:     digest("version", b.account.Institution, b.account.ID, e.ID, strconv.Itoa(e.Version)),
		Institution: b.account.Institution, Account: b.account.ID, Transaction: e.ID, Version: e.Version, Status: e.Status, SourceID: e.Source,
		Amount: e.Amount, Currency: e.Currency, Booked: e.Booked, Made: e.Made, Party: e.Party, Text: e.Text,
		Evidence: e.Evidence, Replaces: strings.Join(replaces, " "), SameAs: e.Into,
		PostedChange: posted.String(), PendingChange: pending.String(), At: b.at,
	}
}

// byAge compares entries by when they were first reported.
func byAge(x, y *Entry) int {
	return cmp.Or(x.First.Compare(y.First), cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
}
