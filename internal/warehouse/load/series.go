// Time series: objects in folders that are named by days, hours or numbers.

package load

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"bursar/internal/failure"
	"bursar/internal/project"
)

// Days and hours in names: 2026/11/25/08, 2026-11-25T08, 20261125_08 or year=2026/month=11/day=25/hour=08.
var periodPatterns = map[project.PeriodUnit]*regexp.Regexp{
	project.ByDay:    regexp.MustCompile(`(?:^|[^0-9])([0-9]{4})[-/_]?(?:[a-z]+=)?([0-9]{2})[-/_]?(?:[a-z]+=)?([0-9]{2})(?:[^0-9]|$)`),
	project.ByHour:   regexp.MustCompile(`(?:^|[^0-9])([0-9]{4})[-/_]?(?:[a-z]+=)?([0-9]{2})[-/_]?(?:[a-z]+=)?([0-9]{2})[-/_T]?(?:[a-z]+=)?([0-9]{2})(?:[^0-9]|$)`),
	project.ByNumber: regexp.MustCompile(`(?:^|[^0-9])([0-9]{1,18})(?:[^0-9]|$)`),
}

// periodForms put together what such a pattern finds.
var periodForms = map[project.PeriodUnit]string{project.ByDay: "$1-$2-$3", project.ByHour: "$1-$2-${3}T$4", project.ByNumber: "$1"}

// periodOf returns the first period in a name.
func periodOf(by project.PeriodUnit, name string) (project.Period, error) {
	pattern := periodPatterns[by]
	for at := 0; at < len(name); {
		m := pattern.FindStringSubmatchIndex(name[at:])
		if m == nil {
			break
		}
		if p, err := by.Parse(string(pattern.ExpandString(nil, periodForms[by], name[at:], m))); err == nil {
			return p, nil
		}
		at += m[2] + 1
	}
	return 0, failure.Wrap(failure.Data, fmt.Errorf("object %s: its name contains no %s; sort the objects into folders such as 2026/11/25/, or let `match` leave others out", name, by))
}

// planSeries finds the first period whose objects differ from those that are loaded. It and all later ones up to the end are loaded again.
func (r *run) planSeries(ctx context.Context, all *listing) error {
	r.result.Known = 0
	s := r.declared.Series
	periods := make([]project.Period, len(all.objects))
	for i := range all.objects {
		var err error
		if periods[i], err = periodOf(s.By, all.objects[i].Name); err != nil {
			return err
		}
	}
	r.all = nil
	for i, o := range all.objects {
		if s.Includes(periods[i]) {
			r.all = append(r.all, o)
		}
	}
	if r.options.Reload {
		r.mode, r.todo = replaceAll, r.all
		r.noteLeftOut(all, periods)
		return r.noteRemoved(ctx, all)
	}
	if p := r.options.From; p != nil && s.End != nil && *p > *s.End {
		return failure.Wrap(failure.Data, fmt.Errorf("period %s is after %s, the last one that is loaded: change `end` in %s, or name an earlier period",
			s.By.Text(*p), s.By.Text(*s.End), r.at("timeseries.end")))
	}
	if err := r.compareTouched(ctx); err != nil {
		return err
	}
	first, err := r.firstDifference(ctx, all, periods)
	if err != nil {
		return err
	}
	if first != nil {
		r.mode, r.from, r.result.From = replaceFrom, *first, s.By.Text(*first)
		r.touched = slices.DeleteFunc(r.touched, func(o object) bool { // they are loaded again
			p, err := periodOf(s.By, o.Name)
			return err == nil && p >= *first
		})
	}
	for i := range all.objects {
		o := &all.objects[i]
		switch _, same := r.isKnown(o); {
		case !s.Includes(periods[i]):
		case first != nil && periods[i] >= *first:
			r.todo = append(r.todo, *o)
		case same:
			r.result.Known++
		}
	}
	return nil
}

// compareTouched reads the objects of which only the time of the last change is another one: properties of the file may have changed, or its
// content by someone who has set the time of the modification back. With the same content they are as they were loaded.
func (r *run) compareTouched(ctx context.Context) error {
	var suspects []Object
	for i := range r.all {
		o := &r.all[i]
		if k, loaded := r.history.known[nameDigest(o.Name)]; loaded && !k.isSame(o) && k.version == o.version() {
			suspects = append(suspects, *o)
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	d, err := r.readDetails(ctx, suspects)
	for i := 0; i < len(suspects) && err == nil; i++ {
		err = r.noteTouched(ctx, &suspects[i], d.found[suspects[i].Name])
	}
	return err
}

func (r *run) noteTouched(ctx context.Context, o *Object, before object) error {
	same, err := r.hasContent(ctx, o, &before)
	if err != nil || !same {
		return err
	}
	before.Object = *o
	r.touched = append(r.touched, before)
	key := nameDigest(o.Name)
	k := r.history.known[key]
	k.changed = o.Changed
	r.history.known[key] = k
	return nil
}

// noteLeftOut reports the objects that were loaded, and whose periods are not any more: their rows are replaced by those of the others.
func (r *run) noteLeftOut(all *listing, periods []project.Period) {
	for i := range all.objects {
		if loaded, _ := r.isKnown(&all.objects[i]); loaded && !r.declared.Series.Includes(periods[i]) {
			r.result.Removed.add(all.objects[i].Name + ", of a period that is not loaded any more")
		}
	}
}

// firstDifference returns the first period that is loaded, or nil if there is none. Differences before those that are compared are reported.
func (r *run) firstDifference(ctx context.Context, all *listing, periods []project.Period) (*project.Period, error) {
	s, first := r.declared.Series, r.options.From
	compared := r.history.lastPeriod - project.Period(s.Revisit) + 1
	if first != nil {
		if s.Start != nil {
			first = new(max(*first, *s.Start))
		}
		compared = *first
	}
	differs := func(p project.Period) {
		if first == nil || p < *first {
			first = &p
		}
	}
	for i := range all.objects {
		o, p := &all.objects[i], periods[i]
		loaded, same := r.isKnown(o)
		switch {
		case same, !s.Includes(p):
		case r.history.Last == nil || p >= compared:
			differs(p)
		case loaded:
			r.result.Changed.add(o.Name)
		default:
			r.result.Late.add(o.Name)
		}
	}
	if all.missing == 0 {
		return first, nil
	}
	d, err := r.readDetails(ctx, nil)
	for i := range d.gone {
		o := &d.gone[i]
		if p, err := s.By.Parse(o.Period); err == nil && p >= compared && s.Includes(p) {
			differs(p)
			r.result.Removed.add(o.Name)
		} else {
			r.result.Vanished.add(o.Name)
		}
	}
	return first, err
}
