// Updates entries with what is reported under ids that are known, and follows the links that the institution states.

package ledger

import (
	"fmt"
	"strings"
)

// updateKnown updates entries, and returns the transactions whose ids are not known.
func (b *book) updateKnown(r *report) (unknown []*reported) {
	var aliases []*reported
	for _, one := range r.list {
		switch e := b.sources[one.id]; {
		case e == nil:
			unknown = append(unknown, one)
		case e.Source == one.id:
			b.update(e, one)
		default:
			aliases = append(aliases, one)
		}
	}
	for _, one := range aliases {
		b.updateAlias(r, one)
	}
	b.noteRemoved(r)
	return unknown
}

// update changes an entry to what is reported under its id.
func (b *book) update(e *Entry, r *reported) {
	if e.Status == r.status && e.Content == r.Content {
		return
	}
	b.touch(e, "same id: "+differences(e, r))
	e.Status, e.Was, e.Content = r.status, "", r.Content
}

// differences says what is new.
func differences(e *Entry, r *reported) string {
	var list []string
	if e.Status != r.status {
		list = append(list, fmt.Sprintf("%s becomes %s", e.Status, r.status))
	}
	for _, c := range []struct{ name, old, now string }{
		{"amount", e.Amount, r.Amount},
		{"currency", e.Currency, r.Currency},
		{"booked", e.Booked, r.Booked},
		{"made", e.Made, r.Made},
		{"party", e.Party, r.Party},
		{"text", e.Text, r.Text},
	} {
		switch {
		case c.old == c.now:
		case c.name == "party" || c.name == "text":
			list = append(list, c.name+" changes")
		case c.old == "" || c.now == "":
			list = append(list, c.name+" becomes "+c.now+" from "+c.old)
		default:
			list = append(list, c.name+" "+c.old+" becomes "+c.now)
		}
	}
	return strings.Join(list, ", ")
}

// updateAlias decides what an earlier id means that is reported again: the transaction has it again, or the two were different ones, or the
// institution has reported what was true before.
func (b *book) updateAlias(r *report, one *reported) {
	e := b.sources[one.id]
	at := e.alias(one.id)
	if at < 0 { // an alias before it in the list has changed the entry
		b.update(e, one)
		return
	}
	gone, _ := r.isGone(e)
	a := e.Aliases[at]
	both := r.mentioned[e.Source]
	switch {
	case gone || !e.isLive():
		b.restore(e, at, one)
	case one.status == Posted && (both || a.Status != "" && (a.Status != Posted || a.Content != one.Content)),
		both && r.complete && (a.By == ByContent || a.By == ByBalance):
		b.split(e, at, fmt.Sprintf("separate transactions: the institution has both %q and %q", one.id, e.Source))
		e.Status, e.Was, e.Content = one.status, "", one.Content
	case !a.Listed && a.Status != "":
		b.touch(e, "")
		e.Aliases[at].Listed = true
	}
}

// noteRemoved marks the aliases that the institution has removed.
func (b *book) noteRemoved(r *report) {
	for id := range r.removed {
		e := b.sources[id]
		if e == nil {
			continue
		}
		if at := e.alias(id); at >= 0 && e.Aliases[at].Listed {
			b.touch(e, "")
			e.Aliases[at].Listed = false
		}
	}
}

// follow follows the links to pending transactions that the institution states, and returns the unknown transactions without one.
func (b *book) follow(r *report, unknown []*reported) (rest []*reported) {
	isNew := map[string]bool{}
	for _, one := range unknown {
		isNew[one.id] = true
	}
	for _, one := range r.list {
		b.state.Links = b.state.Links || one.replaces != ""
		followed := b.followOne(r, one, isNew[one.id])
		if isNew[one.id] && !followed {
			rest = append(rest, one)
		}
	}
	return rest
}

// followOne makes a transaction one with that which it posts. It reports whether it did.
func (b *book) followOne(r *report, one *reported, isNew bool) bool {
	if one.replaces == "" || one.replaces == one.id {
		return false
	}
	older, own := b.sources[one.replaces], b.sources[one.id]
	if listed := r.byID[one.replaces]; listed != nil && listed.status == Posted {
		return false // the institution has both as posted
	}
	evidence := postsEvidence(one)
	switch {
	case older == nil && isNew:
		return false // its entry gets the unknown id as an alias
	case older == nil:
		b.touch(own, evidence)
		own.Aliases = append(b.unseen(one), own.Aliases...)
		b.sources[one.replaces] = own
		return true
	case older == own:
		return true
	}
	if at := older.alias(one.replaces); at >= 0 {
		if by := older.Aliases[at].By; by == ByInstitution || by == ByPerson {
			if gone, _ := r.isGone(older); !isNew || !gone {
				return false // another transaction posts it
			}
		} else {
			b.split(older, at, "separate transactions: "+evidence)
		}
	}
	if isNew {
		b.absorb(older, one, r.lists(older.Source), ByInstitution, evidence)
		return true
	}
	if b.rejected[Pair{older.ID, own.ID}] {
		return false
	}
	b.merge(older, own, ByInstitution, evidence)
	return true
}

// lists reports whether the institution still has an id, as far as is known.
func (r *report) lists(id string) bool { return !r.removed[id] && (r.mentioned[id] || !r.complete) }
