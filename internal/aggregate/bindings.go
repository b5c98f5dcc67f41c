// Bindings: what declarations make of values in files. Ids depend on them, so that they must not change after an import.

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
	"bursar/internal/project/doc"
)

// aspect is what is bound.
type aspect string

const (
	accountAspect    aspect = "account"   // which account a number is, in one currency
	reversalsAspect  aspect = "reversals" // which direction the reversals of an account have
	referencesAspect aspect = "reference" // how far the references of an institution's CSV files identify entries
	fitidsAspect     aspect = "fitids"    // whether the FITIDs of an account identify entries permanently
	mappingAspect    aspect = "mapping"   // how rows of an institution's CSV files are read
)

// binding is the value that the declarations give to an aspect of a file. The catalog keeps it from the first import on.
type binding struct {
	Aspect    aspect `json:"what"`
	Source    string `json:"source,omitempty"` // the servicer, or the format of CSV files, which contains the name of their institution
	Number    string `json:"number,omitempty"` // as in files
	Currency  string `json:"currency,omitempty"`
	Value     string `json:"is"`
	Servicer  string `json:"servicer,omitempty"` // servicer of an account that is not an IBAN
	Confirmed bool   `json:"taken,omitempty"`    // something that depends on it was ingested
}

const bindingPrefix = "statements/given/"

// subject identifies what is bound.
func (g *binding) subject() digest { return digestOf(string(g.Aspect), g.Source, g.Number, g.Currency) }

func bindingKey(subject digest) string { return bindingPrefix + subject.String() }

// sameAs reports whether two bindings give what was imported the same meaning.
func (g *binding) sameAs(was *binding) bool {
	if g.Aspect == mappingAspect {
		return remapped(was.Value, g.Value) == ""
	}
	return g.Value == was.Value && g.Servicer == was.Servicer
}

// csvFormat begins the format of CSV statements; the name of their institution follows.
const csvFormat = "csv "

// bind returns the binding of a statement of an account.
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
		g.Value = referenceUse(r.csvInstitution(s.Format))
	case mappingAspect:
		g.Value = mappingText(r.csvInstitution(s.Format))
	}
	return g
}

// csvInstitution is the institution whose CSV files have a format; nil if there is none.
func (r *rules) csvInstitution(format string) *project.Institution {
	name, csv := strings.CutPrefix(format, csvFormat)
	if i := r.project.Institution(name); csv && i != nil && i.CSV != nil {
		return i
	}
	return nil
}

// maxNumberLength is the maximum length of an account's source, number and currency; longer ones are not bound.
const maxNumberLength = 100

// recordBindings notes the bindings that a statement depends on. With former rules account numbers are not bound.
func (t *rowBuilder) recordBindings(s *statement.Statement) error {
	if !s.IBAN && !t.rules.former {
		if err := t.recordBinding(accountAspect, s); err != nil {
			return err
		}
	}
	if isOFX(s) {
		return t.recordBinding(fitidsAspect, s)
	}
	if t.rules.csvInstitution(s.Format) == nil {
		return nil
	}
	if err := t.recordBinding(referencesAspect, s); err != nil {
		return err
	}
	return t.recordBinding(mappingAspect, s)
}

func (t *rowBuilder) recordBinding(what aspect, s *statement.Statement) error {
	g := t.rules.bind(what, s, t.name)
	if len(g.Source)+len(g.Number)+len(g.Currency) > maxNumberLength {
		return nil
	}
	subject := g.subject()
	if t.fileBindings[subject] {
		return nil
	}
	_, known := t.importBindings[subject]
	size := valueOverhead / 2 // approximate memory of its subject, and of the binding itself
	if !known {
		size += 4 * valueOverhead
	}
	if t.budget.bindings -= size; t.budget.bindings < 0 {
		return statement.Refuse(s.Place, "the files of the import have too many accounts without an IBAN").Advise("import fewer files at a time, or divide this one")
	}
	if t.fileBindings == nil {
		t.fileBindings = map[digest]bool{}
	}
	t.fileBindings[subject] = true
	if !known {
		g.Source, g.Number, g.Currency = strings.Clone(g.Source), strings.Clone(g.Number), strings.Clone(g.Currency) // substrings would keep a longer text in memory
		g.Value, g.Servicer = strings.Clone(g.Value), strings.Clone(g.Servicer)
		t.importBindings[subject] = g
	}
	return nil
}

// How far references of CSV files identify entries.
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

// current returns what the current declarations give to the same subject. known is false if nothing with this subject
// can be imported any more.
func (r *rules) current(g *binding) (now binding, known bool) {
	s := &statement.Statement{Servicer: g.Source, Account: g.Number, Currency: g.Currency}
	if strings.HasPrefix(g.Source, csvFormat) {
		i := r.csvInstitution(g.Source)
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

// DeclaredError says that statements were imported by other declarations, so that overlapping statements would count twice. Class Data.
type DeclaredError struct{ Fault doc.Error }

func (e *DeclaredError) Error() string { return e.Fault.Error() }

// Class is Data: retrying does not help.
func (e *DeclaredError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7): the configuration is at fault.
func (e *DeclaredError) ExitCode() int { return 2 }

// CheckDeclared finds declarations that changed what was already imported. It writes nothing.
func CheckDeclared(ctx context.Context, records catalog.Catalog, p *project.Project) (faults []doc.Error, err error) {
	const most = 100
	declared := rulesOf(p, false)
	err = records.View(ctx, func(tx catalog.Tx) error {
		faults = nil
		return tx.List(bindingPrefix, func(_ string, value json.RawMessage) error {
			var was binding
			if err := json.Unmarshal(value, &was); err != nil {
				return fmt.Errorf("read bindings: %w", err)
			}
			if now, known := declared.current(&was); known && !now.sameAs(&was) && len(faults) < most {
				faults = append(faults, declared.changeError(&was, &now).Fault)
			}
			return nil
		})
	})
	return faults, err
}

// checkBindings refuses an import whose bindings differ from earlier ones, unless it reads again everything that
// depends on them. New bindings are recorded before anything is ingested.
func (r *reading) checkBindings(ctx context.Context, files []*File) error {
	fresh, otherwise := map[string]binding{}, map[string][2]binding{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(fresh)
		clear(otherwise)
		return eachBinding(files, func(_ *Part, subject digest) error {
			key, now, was := bindingKey(subject), r.bindings[subject], binding{}
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

// confirmBindings keeps the bindings of what was accepted, and removes those of parts that are in quarantine as a
// whole: these may be declared differently.
func confirmBindings(tx catalog.Tx, files []*File) error {
	taken := map[digest]bool{}
	_ = eachBinding(files, func(p *Part, subject digest) error { // the callback returns no error
		taken[subject] = taken[subject] || p.Quarantined == ""
		return nil
	})
	for subject, some := range taken {
		var g binding
		key := bindingKey(subject)
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

// eachBinding passes on the subjects of each part that was read.
func eachBinding(files []*File, each func(p *Part, of digest) error) error {
	for _, f := range files {
		for i := range f.Parts {
			for _, subject := range f.Parts[i].bindings {
				if err := each(&f.Parts[i], subject); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
