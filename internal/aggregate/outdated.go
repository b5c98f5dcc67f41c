// Two versions of a statement that both hold by themselves: what the next statement opens with decides.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
)

// bookkeeping is the statements of one account and kind that hold by themselves, by what they open and close with.
type bookkeeping struct {
	sameDays map[span][]*told // by their days and opening balance
	byStart  []*told          // by their first days
}

func bookkeepingOf(whole []*told) bookkeeping {
	b := bookkeeping{sameDays: map[span][]*told{}, byStart: slices.Clone(whole)}
	for _, s := range whole {
		at := span{s.From, s.To, s.Opening}
		b.sameDays[at] = append(b.sameDays[at], s)
	}
	slices.SortStableFunc(b.byStart, func(x, y *told) int { return cmp.Compare(x.From, y.From) })
	return b
}

// corrected is the version of a statement with which the next one goes on, and why; nil where it goes on with the statement itself, or with neither.
// One of fewer entries than the version may have been made before the day ended: then it lists nothing else.
func (b *bookkeeping) corrected(s *told) (by *told, why string) {
	for _, v := range b.sameDays[span{s.From, s.To, s.Opening}] {
		other := s.Number != "" && v.Number != "" && s.Number != v.Number || s.page != "" && v.page != "" && s.page != v.page
		if other || v.Closing == s.Closing || v.Entries > s.Entries {
			continue
		}
		next := b.next(s.To)
		if b.continued(s) || opens(next, s.Closing) || !opens(next, v.Closing) {
			continue
		}
		if by == nil || cmp.Or(cmp.Compare(v.Object, by.Object), cmp.Compare(v.Place, by.Place)) < 0 {
			by, why = v, fmt.Sprintf("it closes with %s, and the next statement, of %s, opens with %s as another version closes", s.Closing, next[0].From, v.Closing)
		}
	}
	return by, why
}

// next are the statements that begin first of those that begin behind a day.
func (b *bookkeeping) next(day string) []*told {
	from, _ := slices.BinarySearchFunc(b.byStart, after(day), func(s *told, day string) int { return cmp.Compare(s.From, day) })
	to := from
	for to < len(b.byStart) && b.byStart[to].From == b.byStart[from].From {
		to++
	}
	return b.byStart[from:to]
}

// settled reports whether the next statement goes on with one of the versions of a statement.
func (b *bookkeeping) settled(s *told) bool {
	next := b.next(s.To)
	return slices.ContainsFunc(b.sameDays[span{s.From, s.To, s.Opening}], func(v *told) bool { return opens(next, v.Closing) })
}

// continued reports whether another statement of the same days goes on with what this one closes with, or comes to the same balance another way.
func (b *bookkeeping) continued(s *told) bool {
	if len(b.sameDays[span{s.From, s.To, s.Closing}]) > 0 {
		return true
	}
	from, _ := slices.BinarySearchFunc(b.byStart, s.From, func(t *told, day string) int { return cmp.Compare(t.From, day) })
	for _, t := range b.byStart[from:] {
		if t.From > s.From {
			break
		}
		if t.To == s.To && t.Closing == s.Closing && t.Opening != s.Opening {
			return true
		}
	}
	return false
}

func opens(list []*told, balance string) bool {
	return slices.ContainsFunc(list, func(s *told) bool { return s.Opening == balance })
}
