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
	if len(unknown) == 0 {
		return nil
	}
	wanted := map[contentKey]int{}
	for _, one := range unknown {
		wanted[one.key(one.status)]++
	}
	gone, vanished := map[contentKey][]*Entry{}, map[contentKey][]*Entry{}
	for _, e := range b.entries {
		isGone, _ := r.isGone(e)
		switch {
		case !isGone && e.Status != Vanished:
			continue
		case isGone:
			if key := e.key(e.Status); wanted[key] > 0 {
				gone[key] = append(gone[key], e)
			}
		default:
			if key := e.key(e.Was); wanted[key] > 0 {
				vanished[key] = append(vanished[key], e)
			}
		}
	}
	for _, lists := range []map[contentKey][]*Entry{gone, vanished} {
		for _, list := range lists {
			slices.SortFunc(list, byAge)
		}
	}
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

// vanishGone changes the entries that are gone and that nothing has replaced.
func (b *book) vanishGone(r *report) {
	for _, e := range b.entries {
		if gone, evidence := r.isGone(e); gone {
			b.vanish(e, evidence)
		}
	}
}
