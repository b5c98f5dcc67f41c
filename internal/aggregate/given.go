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
	accountOf    aspect = "account"   // which account a number is, in one currency
	reversalsOf  aspect = "reversals" // which direction an account's reversals have
	referencesOf aspect = "reference" // what the references of an institution's CSV files are good for
	fitidsOf     aspect = "fitids"    // whether an account's FITIDs name entries for ever
	mappingsOf   aspect = "mapping"   // how rows of an institution's CSV files are read
)

// given is what the declarations gave. The catalog keeps it from the first import on.
type given struct {
	What     aspect `json:"what"`
	Source   string `json:"source,omitempty"` // the servicer, or the format of CSV files, which names their institution
	Number   string `json:"number,omitempty"` // as files state it
	Currency string `json:"currency,omitempty"`
	Is       string `json:"is"`
	Servicer string `json:"servicer,omitempty"` // in which an account that is no IBAN is counted
	Taken    bool   `json:"taken,omitempty"`    // something of an import that depends on it was taken in
}

const givenPrefix = "statements/given/"

// of names what is given by what it is given to.
func (g *given) of() digest { return digestOf(string(g.What), g.Source, g.Number, g.Currency) }

func givenKey(of digest) string { return givenPrefix + of.String() }

// as reports whether two give the same to what was imported.
func (g *given) as(was *given) bool {
	if g.What == mappingsOf {
		return remapped(was.Is, g.Is) == ""
	}
	return g.Is == was.Is && g.Servicer == was.Servicer
}

// csvFormat begins the format of statements in CSV; the name of their institution follows.
const csvFormat = "csv "

// given is what the declarations give to a statement of a holder.
func (r *rules) given(what aspect, s *statement.Statement, h accountName) given {
	g := given{What: what, Source: s.Servicer}
	if strings.HasPrefix(s.Format, csvFormat) {
		g.Source = s.Format
	}
	switch what {
	case accountOf:
		g.Number, g.Currency, g.Is, g.Servicer = s.Account, s.Currency, h.account, h.servicer
	case reversalsOf:
		g.Number, g.Is = s.Account, "own"
		if r.originals(s) {
			g.Is = string(project.OriginalReversals)
		}
	case fitidsOf:
		g.Number, g.Is = s.Account, project.LastingFITIDs
		if r.temporary(s) {
			g.Is = project.TemporaryFITIDs
		}
	case referencesOf:
		g.Is = referencesIn(r.institution(s.Format))
	case mappingsOf:
		g.Is = mappingOf(r.institution(s.Format))
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

// depends notes what the declarations give to a statement. What files of earlier projects state is not given another account.
func (t *rowBuilder) depends(s *statement.Statement) error {
	if !s.IBAN && !t.rules.former {
		if err := t.dependsOn(accountOf, s); err != nil {
			return err
		}
	}
	if isOFX(s) {
		return t.dependsOn(fitidsOf, s)
	}
	if t.rules.institution(s.Format) == nil {
		return nil
	}
	if err := t.dependsOn(referencesOf, s); err != nil {
		return err
	}
	return t.dependsOn(mappingsOf, s)
}

func (t *rowBuilder) dependsOn(what aspect, s *statement.Statement) error {
	g := t.rules.given(what, s, t.name)
	if len(g.Source)+len(g.Number)+len(g.Currency) > longestNumber {
		return nil
	}
	of := g.of()
	if t.given[of] {
		return nil
	}
	_, known := t.all[of]
	size := perValue / 2 // about what its name takes, and what it takes by itself
	if !known {
		size += 4 * perValue
	}
	if t.left.given -= size; t.left.given < 0 {
		return statement.Refuse(s.Place, "the files of the import have too many accounts whose numbers are no IBAN").Advise("import fewer files at a time, or divide this one")
	}
	if t.given == nil {
		t.given = map[digest]bool{}
	}
	t.given[of] = true
	if !known {
		g.Source, g.Number, g.Currency = strings.Clone(g.Source), strings.Clone(g.Number), strings.Clone(g.Currency) // parts of longer texts
		g.Is, g.Servicer = strings.Clone(g.Is), strings.Clone(g.Servicer)
		t.all[of] = g
	}
	return nil
}

// What the references of CSV files are good for.
const (
	noReferences     = "no `reference`"
	someReferences   = "a `reference` without `unique: true`"
	uniqueReferences = "a `reference` with `unique: true`"
)

func referencesIn(i *project.Institution) string {
	switch {
	case i == nil || i.CSV.Columns.Reference == "":
		return noReferences
	case i.CSV.Unique:
		return uniqueReferences
	}
	return someReferences
}

// now is what the declarations give to the same; known is false where nothing like it can be imported any more.
func (r *rules) now(g *given) (now given, known bool) {
	s := &statement.Statement{Servicer: g.Source, Account: g.Number, Currency: g.Currency}
	if strings.HasPrefix(g.Source, csvFormat) {
		i := r.institution(g.Source)
		if i == nil {
			return now, false
		}
		s.Format, s.Servicer = g.Source, i.Servicer
	}
	switch g.What {
	case reversalsOf:
		s.Format = "camt"
	case fitidsOf:
		s.Format = "ofx"
	}
	return r.given(g.What, s, r.accountName(s)), true
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
		return tx.List(givenPrefix, func(_ string, value json.RawMessage) error {
			var was given
			if err := json.Unmarshal(value, &was); err != nil {
				return fmt.Errorf("read what statements were imported by: %w", err)
			}
			if now, known := by.now(&was); known && !now.as(&was) && len(faults) < most {
				faults = append(faults, by.changed(&was, &now).Fault)
			}
			return nil
		})
	})
	return faults, err
}

// note refuses an import by other declarations than those before it, unless it reads all again that was read by those, and remembers
// what is given for the first time, before anything is taken in.
func (r *reading) note(ctx context.Context, files []*File) error {
	fresh, otherwise := map[string]given{}, map[string][2]given{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(fresh)
		clear(otherwise)
		return eachGiven(files, func(_ *Part, of digest) error {
			key, now, was := givenKey(of), r.given[of], given{}
			found, err := tx.Get(key, &was)
			switch {
			case err != nil:
				return err
			case !found:
				fresh[key] = now
			case !now.as(&was):
				otherwise[key] = [2]given{was, now}
			case now.Is != was.Is: // more is read than before
				now.Taken = was.Taken
				fresh[key] = now
			}
			return nil
		})
	})
	for key, g := range otherwise {
		left, wrong := r.notAgain(ctx, files, &g[0])
		if err = errors.Join(err, wrong); err == nil && len(left) > 0 {
			err = r.rules.changed(&g[0], &g[1]).lacks(left)
		}
		r.changed[key] = g[1]
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

// confirm keeps what was given to something that was taken in, and forgets what was given only to what is in quarantine as a whole: it may be
// declared otherwise.
func confirm(tx catalog.Tx, files []*File) error {
	taken := map[digest]bool{}
	_ = eachGiven(files, func(p *Part, of digest) error { // nothing of it fails
		taken[of] = taken[of] || p.Untaken == ""
		return nil
	})
	for of, some := range taken {
		var g given
		key := givenKey(of)
		found, err := tx.Get(key, &g)
		switch {
		case err != nil:
			return err
		case !found || g.Taken:
		case some:
			g.Taken = true
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

// eachGiven names what was given to the parts that were read.
func eachGiven(files []*File, each func(p *Part, of digest) error) error {
	for _, f := range files {
		for i := range f.Parts {
			for _, of := range f.Parts[i].given {
				if err := each(&f.Parts[i], of); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
