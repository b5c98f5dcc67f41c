// Decides about transactions with new ids and the content of transactions whose old ids the institution has not removed: they are new, or were
// re-issued.

package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"bursar/internal/aggregate/format/statement"
)

// twin is a posted transaction and one with equal content, which is either reported now or was before.
type twin struct {
	older *Entry
	one   *reported // nil: newer is an entry already
	newer *Entry
}

// twins are all twins with the same content.
type twins struct {
	key  contentKey
	list []twin
}

// minRelisted is how many transactions a listing under new ids has at least for it to be recognised without the balance of each of them.
const minRelisted = 3

// joinAmbiguous decides about unknown transactions that may be re-issued, and about open suggestions. It returns the entries of those that are new.
func (b *book) joinAmbiguous(r *report, unknown []*reported, balances []Stated) (added []*Entry) {
	groups, rest := b.findTwins(r, unknown)
	relisted := b.isRelisted(groups)
	if relisted {
		rest = b.joinPendingTwins(r, rest)
	}
	for _, one := range b.joinPosted(r, rest, false) {
		added = append(added, b.add(one))
	}
	groups = b.withOpen(groups)
	slices.SortStableFunc(groups, func(x, y twins) int { return cmp.Compare(x.key.currency, y.key.currency) })
	for own := range chunksOf(groups) {
		separate, undecided := b.decide(r, own, bookedOf(balances, own[0].key.currency), relisted)
		for _, one := range b.joinPosted(r, separate, false) {
			added = append(added, b.add(one))
		}
		added = append(added, undecided...)
	}
	return added
}

// chunksOf yields the groups of each currency, by which they are sorted.
func chunksOf(groups []twins) func(yield func([]twins) bool) {
	return func(yield func([]twins) bool) {
		for len(groups) > 0 {
			n := 1
			for n < len(groups) && groups[n].key.currency == groups[0].key.currency {
				n++
			}
			if !yield(groups[:n]) {
				return
			}
			groups = groups[n:]
		}
	}
}

// joinPendingTwins makes pending transactions one with those of equal content, because everything is listed under new ids.
func (b *book) joinPendingTwins(r *report, unknown []*reported) (rest []*reported) {
	live := b.liveTwins(r, Pending)
	for _, one := range unknown {
		key := one.key(one.status)
		if len(live[key]) == 0 {
			rest = append(rest, one)
			continue
		}
		b.absorb(live[key][0], one, true, ByContent, relistedEvidence)
		live[key] = live[key][1:]
	}
	return rest
}

const relistedEvidence = "re-issued: all known transactions of these days are listed again under new ids"

// liveTwins are the posted or pending entries that are not mentioned, by content.
func (b *book) liveTwins(r *report, status Status) map[contentKey][]*Entry {
	live := map[contentKey][]*Entry{}
	for _, e := range b.entries {
		if e.Status == status && !r.mentioned[e.Source] {
			key := e.key(status)
			live[key] = append(live[key], e)
		}
	}
	for _, list := range live {
		slices.SortFunc(list, byAge)
	}
	return live
}

// findTwins pairs unknown posted transactions with entries of equal content that are not mentioned, sorted by content. rest have no such entry.
func (b *book) findTwins(r *report, unknown []*reported) (groups []twins, rest []*reported) {
	if len(unknown) == 0 {
		return nil, nil
	}
	live, at := b.liveTwins(r, Posted), map[contentKey]int{}
	for _, one := range unknown {
		key := one.key(one.status)
		if one.status != Posted || len(live[key]) == 0 {
			rest = append(rest, one)
			continue
		}
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, twins{key: key})
		}
		g := &groups[at[key]]
		g.list = append(g.list, twin{older: live[key][0], one: one})
		live[key] = live[key][1:]
	}
	return groups, rest
}

// withOpen adds the open suggestions about re-issued transactions, so that a later balance decides about them too.
func (b *book) withOpen(groups []twins) []twins {
	at, used := map[contentKey]int{}, map[*Entry]bool{}
	for i, g := range groups {
		at[g.key] = i
		for _, t := range g.list {
			used[t.older] = true
		}
	}
	for i := range b.state.Open {
		s := &b.state.Open[i]
		if s.Kind != Reissued || !b.applies(s) {
			continue
		}
		older, newer := b.entries[s.Older], b.entries[s.Newer]
		key := newer.key(Posted)
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, twins{key: key})
		}
		g := &groups[at[key]]
		if !used[older] && !used[newer] {
			used[older], used[newer] = true, true
			g.list = append(g.list, twin{older: older, newer: newer})
		}
	}
	return groups
}

// isRelisted reports whether the institution lists everything that is known of the days of unknown transactions again, under other ids.
func (b *book) isRelisted(groups []twins) bool {
	first, last, count, posted := "", "", 0, 0
	for _, g := range groups {
		first, last = min(cmp.Or(first, g.key.day), g.key.day), max(last, g.key.day)
		count += len(g.list)
	}
	for _, e := range b.entries {
		if day := e.key(Posted).day; e.Status == Posted && day >= first && day <= last {
			posted++
		}
	}
	return count >= minRelisted && count == posted
}

// decide decides about the twins of a currency, by its balance or because everything is listed again. separate are those that are new transactions.
// Those that it cannot decide about are added and suggested.
func (b *book) decide(r *report, groups []twins, stated *Stated, relisted bool) (separate []*reported, undecided []*Entry) {
	differences := b.differences(r, groups, stated)
	items := make([]item, len(groups))
	for i, g := range groups {
		items[i] = item{sumOf(g.key.amount), len(g.list)}
	}
	for _, d := range differences {
		if counts, ok := choose(items, d); ok {
			evidence := fmt.Sprintf("re-issued: only so the stated balance of %s at %s fits", stated.Amount, stated.when())
			return b.settle(groups, counts, ByBalance, evidence), nil
		}
	}
	unchanged := stated == nil || slices.Contains(differences, statement.Sum{})
	if relisted && unchanged {
		return b.settle(groups, make([]int, len(groups)), ByContent, relistedEvidence), nil
	}
	for _, g := range groups {
		for _, t := range g.list {
			if t.newer != nil {
				continue
			}
			e := b.add(t.one)
			b.suggest(Reissued, t.older, e, fmt.Sprintf("%q has the content of %q, which the institution has not removed", t.one.id, t.older.Source))
			undecided = append(undecided, e)
		}
	}
	return nil, undecided
}

// differences are by how much the stated balance may exceed the posted transactions if all twins were re-issued, the likeliest first.
func (b *book) differences(r *report, groups []twins, stated *Stated) (list []statement.Sum) {
	if stated == nil || r.partial || len(r.warnings) > 0 {
		return nil
	}
	c := b.state.control(stated.Currency)
	if c == nil || r.otherTime(stated, c, bookedOf(b.state.Stated, stated.Currency)) != "" {
		return nil
	}
	without := map[*Entry]bool{}
	for _, g := range groups {
		for _, t := range g.list {
			if t.newer != nil {
				without[t.newer] = true
			}
		}
	}
	for _, one := range b.readings(c, stated.Day, without) {
		list = append(list, sumOf(stated.Amount).Minus(one.sum))
	}
	return list
}

// settle makes twins one, except for the given number of each group, and returns what those have that are not entries yet.
func (b *book) settle(groups []twins, counts []int, by Basis, evidence string) (separate []*reported) {
	for i, g := range groups {
		for j, t := range g.list {
			isOne := j < len(g.list)-counts[i]
			switch {
			case isOne && t.newer == nil:
				b.absorb(t.older, t.one, true, by, evidence)
			case isOne:
				b.merge(t.older, t.newer, by, evidence)
			case t.newer == nil:
				separate = append(separate, t.one)
			}
			if t.newer != nil {
				b.decidedPairs[Pair{t.older.ID, t.newer.ID}] = true
			}
		}
	}
	return separate
}
