// Finds the posted transactions that pending ones have become, where the institution states no link but all else is equal.

package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"bursar/internal/aggregate/format/statement"
)

// maxPostingDays is how many days after it was made a pending transaction may be posted.
const maxPostingDays = 7

// postingKey is what a pending transaction and the posted one have in common.
type postingKey struct {
	amount, currency string
	label            label
}

// posting is a pending transaction and a posted one that may be the same.
type posting struct {
	older *Entry
	one   *reported
}

// joinPosted makes posted transactions one with pending ones of equal content: those that are gone with this report, or all others, which what
// states another link has not become. It returns the transactions that remain.
func (b *book) joinPosted(r *report, unknown []*reported, gone bool) (rest []*reported) {
	return b.joinPostedOf(r, b.pendings(r, unknown, gone), unknown, gone)
}

// pendings are the pending transactions that unknown posted ones may post: those that are gone with this report, or all others that are not
// listed as pending. They are sorted by age. Of an institution that states links, a pending transaction that is not gone is still pending.
func (b *book) pendings(r *report, unknown []*reported, gone bool) (list []*Entry) {
	first, last := "", ""
	for _, one := range unknown {
		if one.status == Posted && one.Booked != "" {
			first, last = min(cmp.Or(first, one.Booked), one.Booked), max(last, one.Booked)
		}
	}
	if last == "" {
		return nil
	}
	first = statement.ParseDay(first).AddDate(0, 0, -maxPostingDays).Format(dayLayout)
	for _, e := range b.entries {
		if e.Status == Merged || e.Status == Posted || !e.isPending() || r.mentioned[e.Source] {
			continue
		}
		isGone, _ := r.isGone(e)
		if !isGone && e.Status == Pending && b.state.Links {
			continue
		}
		if day := e.day(); isGone == gone && day >= first && day <= last {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, byAge)
	return list
}

// joinPostedOf pairs pending with posted transactions where each has one partner only.
func (b *book) joinPostedOf(r *report, pendings []*Entry, unknown []*reported, gone bool) (rest []*reported) {
	olds, news := map[postingKey][]*Entry{}, map[postingKey][]*reported{}
	for _, e := range pendings {
		if key := (postingKey{e.Amount, e.Currency, e.label()}); key.label != (label{}) {
			olds[key] = append(olds[key], e)
		}
	}
	for _, one := range unknown {
		key := postingKey{one.Amount, one.Currency, one.label()}
		if one.status == Posted && len(olds[key]) > 0 && (gone || one.replaces == "") {
			news[key] = append(news[key], one)
		}
	}
	joined := map[*reported]bool{}
	for key, list := range news {
		for _, p := range pairs(olds[key], list) {
			joined[p.one] = true
			b.absorb(p.older, p.one, r.lists(p.older.Source), ByContent, fmt.Sprintf("posted: %q has the amount, party and text of the pending %q of %s, and no other does",
				p.one.id, p.older.Source, p.older.day()))
		}
	}
	return slices.DeleteFunc(slices.Clone(unknown), func(one *reported) bool { return joined[one] })
}

// pairs pairs transactions with the same amount, party and text: by the day on which they were made where that is stated, then equal numbers in
// the order of their days, then those with one partner only.
func pairs(olds []*Entry, news []*reported) (list []posting) {
	madeOlds, madeNews := map[string][]*Entry{}, map[string][]*reported{}
	for _, e := range olds {
		madeOlds[e.Made] = append(madeOlds[e.Made], e)
	}
	for _, one := range news {
		madeNews[one.Made] = append(madeNews[one.Made], one)
	}
	paired := map[any]bool{}
	add := func(p []posting) {
		for _, one := range p {
			paired[one.older], paired[one.one] = true, true
		}
		list = append(list, p...)
	}
	for made, own := range madeOlds {
		if made != "" {
			add(inOrder(own, madeNews[made]))
		}
	}
	olds = slices.DeleteFunc(slices.Clone(olds), func(e *Entry) bool { return paired[e] })
	news = slices.DeleteFunc(slices.Clone(news), func(one *reported) bool { return paired[one] })
	if p := inOrder(olds, news); p != nil {
		add(p)
	} else {
		add(single(olds, news))
	}
	return list
}

func byDay(x, y *Entry) int { return cmp.Or(cmp.Compare(x.day(), y.day()), byAge(x, y)) }

func byBooked(x, y *reported) int {
	return cmp.Or(cmp.Compare(x.Booked, y.Booked), cmp.Compare(x.id, y.id))
}

// inOrder pairs equal numbers of transactions in the order of their days, or none if the days of one pair do not fit.
func inOrder(olds []*Entry, news []*reported) (list []posting) {
	if len(olds) != len(news) {
		return nil
	}
	olds, news = slices.SortedFunc(slices.Values(olds), byDay), slices.SortedFunc(slices.Values(news), byBooked)
	for i, e := range olds {
		if !daysFit(e, &news[i].Content) {
			return nil
		}
		list = append(list, posting{e, news[i]})
	}
	return list
}

// single pairs transactions of which each has one partner only by its days.
func single(olds []*Entry, news []*reported) (list []posting) {
	olds, news = slices.SortedFunc(slices.Values(olds), byDay), slices.SortedFunc(slices.Values(news), byBooked)
	for _, e := range olds {
		day := e.day()
		last := addDays(day, maxPostingDays)
		from := sort.Search(len(news), func(i int) bool { return news[i].Booked >= day })
		to := sort.Search(len(news), func(i int) bool { return news[i].Booked > last })
		if to-from != 1 {
			continue
		}
		one := news[from]
		first := addDays(one.Booked, -maxPostingDays)
		left := sort.Search(len(olds), func(i int) bool { return olds[i].day() >= first })
		right := sort.Search(len(olds), func(i int) bool { return olds[i].day() > one.Booked })
		if right-left == 1 && daysFit(e, &one.Content) {
			list = append(list, posting{e, one})
		}
	}
	return list
}

// daysFit reports whether a pending transaction may be posted on a day. Days on which both were made, where stated, are equal.
func daysFit(e *Entry, posted *Content) bool {
	day := e.day()
	if posted.Booked < day || posted.Booked > addDays(day, maxPostingDays) {
		return false
	}
	return e.Made == "" || posted.Made == "" || e.Made == posted.Made
}

// addDays is the day a number of days after a valid day.
func addDays(day string, n int) string {
	return statement.ParseDay(day).AddDate(0, 0, n).Format(dayLayout)
}
