// Compares what the statements of some days prove with the stored entries of these days.

package completeness

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// movement is what an account moved by on one day, by its stored booked entries.
type movement struct {
	day     string
	entries int64
	amount  string
}

// cluster is a range of days into or out of which no statement's entries reach: what its statements list is all of these days.
type cluster struct {
	from, to string
	links    []link
	broken   bool
}

// compareMovements compares clusters of statements with the movements of their days, both sorted by day. Equal entries
// of two statements count once, and cannot be distinguished from one entry that was sent twice: an error in this shows
// here. Clusters that are BROKEN for another reason, or whose movement no balances state, are left out.
func compareMovements(links []link, gaps []Interval, movements []movement) (wrong []Interval) {
	n := 0
	for _, c := range clusters(links, gaps) {
		for ; n < len(movements) && movements[n].day < c.from; n++ {
			wrong = append(wrong, unlistedMovement(movements[n]))
		}
		first := n
		for n < len(movements) && movements[n].day <= c.to {
			n++
		}
		if why := c.compare(movements[first:n]); why.text != "" {
			wrong = append(wrong, Interval{From: c.from, To: c.to, State: Broken, Reason: why.text, figures: why.digest})
		}
	}
	for ; n < len(movements); n++ {
		wrong = append(wrong, unlistedMovement(movements[n]))
	}
	return wrong
}

// unlistedMovement is a day with entries that no stored statement lists: the statement is in quarantine, or its import did not end.
func unlistedMovement(m movement) Interval {
	why := newFinding("unlisted", "%d entries of %s are in the stream, and no statement that lists them: it is in quarantine, or its import did not end", m.entries, statement.NormalAmount(m.amount))
	return Interval{From: m.day, To: m.day, State: Broken, Entries: m.entries, Amount: statement.NormalAmount(m.amount), Reason: why.text, figures: why.digest}
}

// reach is the days of the link and its entries.
func (l *link) reach() (from, to string) {
	return min(l.interval.From, cmp.Or(l.firstEntryDay, l.interval.From)), max(l.interval.To, l.lastEntryDay)
}

// clusters joins statements that share days, by their intervals or by the days of their entries.
func clusters(links []link, gaps []Interval) (list []cluster) {
	reach := make([]cluster, 0, len(links)+len(gaps))
	for _, l := range links {
		from, to := l.reach()
		reach = append(reach, cluster{from, to, []link{l}, l.interval.State == Broken})
	}
	for _, g := range gaps {
		reach = append(reach, cluster{g.From, g.To, nil, true})
	}
	slices.SortStableFunc(reach, func(a, b cluster) int { return cmp.Compare(a.from, b.from) })
	for _, r := range reach {
		if last := len(list) - 1; last >= 0 && r.from <= list[last].to {
			list[last].to = max(list[last].to, r.to)
			list[last].links = append(list[last].links, r.links...)
			list[last].broken = list[last].broken || r.broken
			continue
		}
		list = append(list, r)
	}
	for _, c := range list {
		slices.SortFunc(c.links, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	}
	return list
}

// compare returns how the movements of the cluster's days contradict its statements; empty if they do not.
func (c *cluster) compare(movements []movement) finding {
	opening, closing, known := c.bounds()
	if c.broken || !known {
		return finding{}
	}
	stored := newStoredMovements(movements, nil)
	sum, entries := stored.between(c.from, c.to)
	least, most, whole := c.listed()
	moved := statement.Subtract(closing, opening)
	switch {
	case whole && sum == moved && least <= entries && entries <= most,
		!whole && entries <= c.entryLimit(sum) && (sum == moved || c.withinDays(sum, stored)):
		return finding{}
	}
	return newFinding("stream", "the statements prove a movement of %s, by %s entries, and the stream has %d entries of %s: %s", moved, entryRange(least, most, whole), entries, sum, c.cause())
}

// cause says what may be wrong with a cluster that the stream contradicts: versions of a statement if it has some, else
// entries that were matched wrongly.
func (c *cluster) cause() string {
	versions := map[[4]string]string{} // closing balances by days, opening and number
	for _, l := range c.links {
		key := [4]string{l.From, l.To, l.Opening, l.Number}
		if other := versions[key]; l.balanced() && other != "" && other != l.Closing {
			return fmt.Sprintf("of two versions of the statement from %s to %s one closes with %s and the other with %s, and no statement behind them says which is right; "+
				"`bursar retract statements FILE` leaves the wrong one out", l.From, l.To, other, l.Closing)
		}
		versions[key] = l.Closing
	}
	return "two statements list equal entries that have no reference, or list the same entries in different words"
}

// bounds are the balances before and after the cluster's days, if statements state them.
func (c *cluster) bounds() (opening, closing string, known bool) {
	from, to := "", ""
	for _, l := range c.links { // in the order of the chain
		if l.Opening != "" && (from == "" || l.interval.From < from) {
			from, opening = l.interval.From, l.Opening
		}
		if l.Closing != "" && l.interval.To >= to && !l.early {
			to, closing = l.interval.To, l.Closing
		}
	}
	inside := func(l link) bool { return from <= l.interval.From && l.interval.To <= to }
	return opening, closing, from != "" && to != "" && !slices.ContainsFunc(c.links, func(l link) bool { return !inside(l) })
}

// entryLimit is the maximum number of entries of the cluster's days: that of a statement of all these days with the
// same movement. Without such a statement there is no limit.
func (c *cluster) entryLimit(moved string) (most int64) {
	for _, l := range c.links {
		if l.balanced() && !l.early && statement.Subtract(l.Closing, l.Opening) == moved && l.From < l.To && l.From == c.from && l.To == c.to {
			most = max(most, l.Entries)
		}
	}
	return cmp.Or(most, math.MaxInt64)
}

// withinDays reports whether the movements lead from an opening balance of a statement that begins first to a closing balance of one
// that ends last, while other statements begin or end within these days. Then no statement may list more entries than its days have.
func (c *cluster) withinDays(moved string, stored storedMovements) bool {
	first, last := c.links[0].interval.From, ""
	for _, l := range c.links {
		if _, entries := stored.between(l.reach()); l.Entries > entries {
			return false
		}
		first, last = min(first, l.interval.From), max(last, l.interval.To)
	}
	openings := map[string]bool{} // from which the movements lead to a closing balance
	for _, l := range c.links {
		if l.interval.To == last && l.Closing != "" {
			openings[statement.Subtract(l.Closing, moved)] = true
		}
	}
	return slices.ContainsFunc(c.links, func(l link) bool {
		return l.interval.From == first && l.Opening != "" && openings[statement.Subtract(l.Opening, "0")]
	})
}

// listed counts the entries of the statements, if none overlaps another. Of versions of one statement it takes the
// largest count; repetitions may add up to most.
func (c *cluster) listed() (least, most int64, whole bool) {
	whole = true
	versions := map[[5]string]int64{}
	for _, l := range c.links {
		whole = whole && l.balanced() && !l.overlaps && !l.early
		if l.repeated {
			most += l.Entries
			continue
		}
		key := [5]string{l.From, l.To, l.Opening, l.Closing}
		if l.Opening == l.Closing {
			key[4] = l.Number + "/" + l.page
		}
		versions[key] = max(versions[key], l.Entries)
	}
	for _, entries := range versions {
		least += entries
	}
	return least, least + most, whole
}

func entryRange(least, most int64, whole bool) string {
	switch {
	case !whole:
		return "overlapping"
	case least == most:
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// storedMovements is what an account moved by up to each day, by its stored entries. Its zero value knows nothing.
type storedMovements struct {
	upToDays []movement // each of all days so far
	replaced []replacedEntry
}

func newStoredMovements(movements []movement, replaced []replacedEntry) storedMovements {
	s := storedMovements{replaced: replaced}
	var sum statement.Sum
	entries := int64(0)
	for _, m := range movements {
		sum.Add(m.amount)
		entries += m.entries
		s.upToDays = append(s.upToDays, movement{m.day, entries, sum.String()})
	}
	return s
}

// upTo returns the sum and the number of entries of all days up to one, included.
func (s storedMovements) upTo(day string) (sum string, entries int64) {
	n, found := slices.BinarySearchFunc(s.upToDays, day, func(m movement, day string) int { return strings.Compare(m.day, day) })
	if found {
		n++
	}
	if n == 0 {
		return "0", 0
	}
	return s.upToDays[n-1].amount, s.upToDays[n-1].entries
}

// between returns the sum and the number of entries of some days, both included.
func (s storedMovements) between(from, to string) (sum string, entries int64) {
	until, most := s.upTo(to)
	before, earlier := s.upTo(statement.DayBefore(from))
	return statement.Subtract(until, before), most - earlier
}

// matches reports whether the stored entries of a statement's days have the sum and number of those that it lists.
func (s storedMovements) matches(t *Statement) bool {
	sum, entries := s.between(t.From, t.To)
	return entries == t.Entries && sum == statement.NormalAmount(t.Amount)
}

// balanceAfter is the balance that the entries of some days lead to; empty if no entries are known.
func (s storedMovements) balanceAfter(balance, from, to string) string {
	if len(s.upToDays) == 0 {
		return ""
	}
	moved, _ := s.between(from, to)
	return statement.Subtract(balance, statement.Negate(moved))
}

// isEarly reports whether s was made before its last day had ended: by the stored entries of its days its opening
// balance leads to the closing balance of other, and so does that of other itself. Then both list the same entries.
func (c *chain) isEarly(s, other *Statement) bool {
	return c.movements.balanceAfter(s.Opening, s.From, s.To) == other.Closing && c.movements.balanceAfter(other.Opening, other.From, other.To) == other.Closing
}

// markEarly reports whether of two statements that end on the same day one continues the other, and marks the earlier one.
func (c *chain) markEarly(s, other *Statement) bool {
	switch {
	case c.isEarly(s, other):
		s.early = true
	case c.isEarly(other, s):
		other.early = true
	default:
		return false
	}
	return true
}
