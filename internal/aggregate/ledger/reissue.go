// Finds transactions that the institution has given new ids, and whose old ids it has removed.

package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// contentKey is what is equal in two reports of the same transaction under two ids.
type contentKey struct {
	status                Status
	amount, currency, day string
	label                 label
}

// label is how a transaction is described, without differences in case, blanks and punctuation.
type label struct{ party, text string }

func (c *Content) label() label { return label{normal(c.Party), normal(c.Text)} }

// normal is a text without differences in case, blanks and punctuation.
func normal(text string) string {
	return strings.ToUpper(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " "))
}

func (c *Content) key(status Status) contentKey {
	day := c.Booked
	if status == Pending {
		day = cmp.Or(c.Made, c.Booked)
	}
	return contentKey{status, c.Amount, c.Currency, day, c.label()}
}

// joinReissued makes new ids aliases of transactions with equal content that are gone, as multisets: which of several equal ones is which
// changes no sum. Transactions that vanished earlier follow, so that an institution that was empty for a day does not double its history. It
// returns the transactions that remain.
func (b *book) joinReissued(r *report, unknown []*reported) (rest []*reported) {
	wanted := map[contentKey]int{}
	for _, one := range unknown {
		wanted[one.key(one.status)]++
	}
	gone, vanished := b.reissuable(r, wanted)
	total := map[contentKey]int{}
	for key, list := range gone {
		total[key] = len(list)
	}
	for _, one := range unknown {
		key := one.key(one.status)
		switch {
		case len(gone[key]) > 0:
			e := gone[key][0]
			gone[key] = gone[key][1:]
			_, why := r.isGone(e)
			b.absorb(e, one, false, ByContent, fmt.Sprintf("re-issued: %q has the content of %q, and %s (%d old and %d new ids with this content)",
				one.id, e.Source, why, total[key], wanted[key]))
		case len(vanished[key]) > 0:
			e := vanished[key][0]
			vanished[key] = vanished[key][1:]
			b.absorb(e, one, false, ByContent, fmt.Sprintf("re-issued: %q has the content of %q, which had vanished", one.id, e.Source))
		default:
			rest = append(rest, one)
		}
	}
	return rest
}

// reissuable are the entries with a wanted content that are gone, and those that vanished earlier where no other has that content, by age.
func (b *book) reissuable(r *report, wanted map[contentKey]int) (gone, vanished map[contentKey][]*Entry) {
	if len(wanted) == 0 {
		return nil, nil
	}
	gone, vanished = map[contentKey][]*Entry{}, map[contentKey][]*Entry{}
	live := map[contentKey]bool{}
	for _, e := range b.entries {
		if e.Status == Merged || r.mentioned[e.Source] {
			continue
		}
		status, lists := e.Status, gone
		if status == Vanished {
			status, lists = e.Was, vanished
		}
		key := e.key(status)
		switch isGone, _ := r.isGone(e); {
		case wanted[key] == 0:
		case e.isLive() && !isGone:
			live[key] = true // the two may be one
		default:
			lists[key] = append(lists[key], e)
		}
	}
	for key := range live {
		delete(vanished, key)
	}
	for _, lists := range []map[contentKey][]*Entry{gone, vanished} {
		for _, list := range lists {
			slices.SortFunc(list, byAge)
		}
	}
	return gone, vanished
}

// vanishGone changes the entries that are gone and that nothing has replaced.
func (b *book) vanishGone(r *report) {
	for _, e := range b.entries {
		if gone, evidence := r.isGone(e); gone {
			b.vanish(e, evidence)
		}
	}
}
