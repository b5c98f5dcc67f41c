// What declarations gave to what files state: ids are made of it, so that it stays as it was when statements were imported.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// aspect is what is declared of what files state.
type aspect string

const (
	accountAspect    aspect = "account"   // which account a number is, in one currency
	reversalsAspect  aspect = "reversals" // which direction an account's reversals have
	referencesAspect aspect = "reference" // what the references of an institution's CSV files are good for
	fitidsAspect     aspect = "fitids"    // whether an account's FITIDs name entries for ever
	mappingAspect    aspect = "mapping"   // how rows of an institution's CSV files are read
)

// binding is what the declarations gave. The catalog keeps it from the first import on.
type binding struct {
	Aspect    aspect `json:"what"`
	Source    string `json:"source,omitempty"` // the servicer, or the format of CSV files, which names their institution
	Number    string `json:"number,omitempty"` // as files state it
	Currency  string `json:"currency,omitempty"`
	Value     string `json:"is"`
	Servicer  string `json:"servicer,omitempty"` // in which an account that is no IBAN is counted
	Confirmed bool   `json:"taken,omitempty"`    // something of an import that depends on it was taken in
}

const bindingPrefix = "statements/given/"

// subject names what is given by what it is given to.
func (g *binding) subject() digest { return digestOf(string(g.Aspect), g.Source, g.Number, g.Currency) }

func bindingKey(of digest) string { return bindingPrefix + of.String() }

// sameAs reports whether two give the same to what was imported.
func (g *binding) sameAs(was *binding) bool {
	if g.Aspect == mappingAspect {
		return remapped(was.Value, g.Value) == ""
	}
	return g.Value == was.Value && g.Servicer == was.Servicer
}

// csvFormat begins the format of statements in CSV; the name of their institution follows.
const csvFormat = "csv "

// bind is what the declarations give to a statement of a holder.
func (r *rules) bind(what aspect, s *statement.Statement, h accountName) binding {
	g := binding{Aspect: what, Source: s.Servicer}
	if strings.HasPrefix(s.Format, csvFormat) {
		g.Source = s.Format
	}
	switch what {
	case accountAspect:
		g.Number, g.Currency, g.Value, g.Servicer = s.Account, s.Currency, h.account, h.servicer
	case reversalsAspect:
		g.Number, g.Value = s.Account, "own"
		if r.hasOriginalReversals(s) {
			g.Value = string(project.OriginalReversals)
		}
	case fitidsAspect:
		g.Number, g.Value = s.Account, project.LastingFITIDs
		if r.hasTemporaryFITIDs(s) {
			g.Value = project.TemporaryFITIDs
		}
	case referencesAspect:
		g.Value = referenceUse(r.institution(s.Format))
	case mappingAspect:
		g.Value = mappingText(r.institution(s.Format))
	}
	return g
}

// institution is the one whose CSV files have a format; nil if there is none.
func (r *rules) institution(format string) *project.Institution {
	name, csv := strings.CutPrefix(format, csvFormat)
	if i := r.project.Institution(name); csv && i != nil && i.CSV != nil {
		return i
	}
	return nil
}

// longestNumber is how long an account's number and servicer are at most, to be given an account.
const longestNumber = 100

// recordBindings notes what the declarations give to a statement. What files of earlier projects state is not given another account.
func (t *rowBuilder) recordBindings(s *statement.Statement) error {
	if !s.IBAN && !t.rules.former {
		if err := t.recordBinding(accountAspect, s); err != nil {
			return err
		}
	}
	if isOFX(s) {
		return t.recordBinding(fitidsAspect, s)
	}
	if t.rules.institution(s.Format) == nil {
		return nil
	}
	if err := t.recordBinding(referencesAspect, s); err != nil {
		return err
	}
	return t.recordBinding(mappingAspect, s)
}

func (t *rowBuilder) recordBinding(what aspect, s *statement.Statement) error {
	g := t.rules.bind(what, s, t.name)
	if len(g.Source)+len(g.Number)+len(g.Currency) > longestNumber {
		return nil
	}
	of := g.subject()
	if t.fileBindings[of] {
		return nil
	}
	_, known := t.importBindings[of]
	size := valueOverhead / 2 // about what its name takes, and what it takes by itself
	if !known {
		size += 4 * valueOverhead
	}
	if t.budget.bindings -= size; t.budget.bindings < 0 {
		return statement.Refuse(s.Place, "the files of the import have too many accounts whose numbers are no IBAN").Advise("import fewer files at a time, or divide this one")
	}
	if t.fileBindings == nil {
		t.fileBindings = map[digest]bool{}
	}
	t.fileBindings[of] = true
	if !known {
		g.Source, g.Number, g.Currency = strings.Clone(g.Source), strings.Clone(g.Number), strings.Clone(g.Currency) // parts of longer texts
		g.Value, g.Servicer = strings.Clone(g.Value), strings.Clone(g.Servicer)
		t.importBindings[of] = g
	}
	return nil
}

// What the references of CSV files are good for.
const (
	noReferences     = "no `reference`"
	someReferences   = "a `reference` without `unique: true`"
	uniqueReferences = "a `reference` with `unique: true`"
)

func referenceUse(i *project.Institution) string {
	switch {
	case i == nil || i.CSV.Columns.Reference == "":
		return noReferences
	case i.CSV.Unique:
		return uniqueReferences
	}
	return someReferences
}

// current is what the declarations give to the same; known is false where nothing like it can be imported any more.
func (r *rules) current(g *binding) (now binding, known bool) {
	s := &statement.Statement{Servicer: g.Source, Account: g.Number, Currency: g.Currency}
	if strings.HasPrefix(g.Source, csvFormat) {
		i := r.institution(g.Source)
		if i == nil {
			return now, false
		}
		s.Format, s.Servicer = g.Source, i.Servicer
	}
	switch g.Aspect {
	case reversalsAspect:
		s.Format = "camt"
	case fitidsAspect:
		s.Format = "ofx"
	}
	return r.bind(g.Aspect, s, r.accountName(s)), true
}

// DeclaredError says that statements were imported by other declarations, so that what overlaps would count twice. Class Data.
type DeclaredError struct{ Fault project.Error }

func (e *DeclaredError) Error() string { return e.Fault.Error() }

// Class is Data: it stays so until the declaration is put back.
func (e *DeclaredError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7): the configuration is at fault.
func (e *DeclaredError) ExitCode() int { return 2 }

// CheckDeclared finds declarations by which statements would be other ones than when they were imported. It writes nothing.
func CheckDeclared(ctx context.Context, records catalog.Catalog, p *project.Project) (faults []project.Error, err error) {
	const most = 100
	by := rulesOf(p, false)
	err = records.View(ctx, func(tx catalog.Tx) error {
		faults = nil
		return tx.List(bindingPrefix, func(_ string, value json.RawMessage) error {
			var was binding
			if err := json.Unmarshal(value, &was); err != nil {
				return fmt.Errorf("read what statements were imported by: %w", err)
			}
			if now, known := by.current(&was); known && !now.sameAs(&was) && len(faults) < most {
				faults = append(faults, by.changeError(&was, &now).Fault)
			}
			return nil
		})
	})
	return faults, err
}

// checkBindings refuses an import by other declarations than those before it, unless it reads all again that was read by those, and remembers
// what is given for the first time, before anything is taken in.
func (r *reading) checkBindings(ctx context.Context, files []*File) error {
	fresh, otherwise := map[string]binding{}, map[string][2]binding{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(fresh)
		clear(otherwise)
		return eachBinding(files, func(_ *Part, of digest) error {
			key, now, was := bindingKey(of), r.bindings[of], binding{}
			found, err := tx.Get(key, &was)
			switch {
			case err != nil:
				return err
			case !found:
				fresh[key] = now
			case !now.sameAs(&was):
				otherwise[key] = [2]binding{was, now}
			case now.Value != was.Value: // more is read than before
				now.Confirmed = was.Confirmed
				fresh[key] = now
			}
			return nil
		})
	})
	for key, g := range otherwise {
		left, wrong := r.filesNotReread(ctx, files, &g[0])
		if err = errors.Join(err, wrong); err == nil && len(left) > 0 {
			err = r.rules.changeError(&g[0], &g[1]).withoutFiles(left)
		}
		r.changedBindings[key] = g[1]
	}
	if err != nil || len(fresh) == 0 {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for key, g := range fresh {
			if err := tx.Put(key, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// confirmBindings keeps what was given to something that was taken in, and forgets what was given only to what is in quarantine as a whole: it may be
// declared otherwise.
func confirmBindings(tx catalog.Tx, files []*File) error {
	taken := map[digest]bool{}
	_ = eachBinding(files, func(p *Part, of digest) error { // nothing of it fails
		taken[of] = taken[of] || p.Quarantined == ""
		return nil
	})
	for of, some := range taken {
		var g binding
		key := bindingKey(of)
		found, err := tx.Get(key, &g)
		switch {
		case err != nil:
			return err
		case !found || g.Confirmed:
		case some:
			g.Confirmed = true
			err = tx.Put(key, g)
		default:
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachBinding names what was given to the parts that were read.
func eachBinding(files []*File, each func(p *Part, of digest) error) error {
	for _, f := range files {
		for i := range f.Parts {
			for _, of := range f.Parts[i].bindings {
				if err := each(&f.Parts[i], of); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
