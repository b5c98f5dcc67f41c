// Bindings: what declarations make of values in files. Ids depend on them, so that they must not change after an import.

package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
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

// bind returns the binding of a statement of an account.
func (r *ruleSet) bind(what aspect, s *statement.Statement, h accountName) binding {
	g := binding{Aspect: what, Source: s.Servicer}
	if strings.HasPrefix(s.Format, statement.CSVFormat) {
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
func (r *ruleSet) csvInstitution(format string) *project.Institution {
	name := statement.CSVInstitution(format)
	if i := r.project.Institution(name); name != "" && i != nil && i.CSV != nil {
		return i
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
func (r *ruleSet) current(g *binding) (now binding, known bool) {
	s := &statement.Statement{Servicer: g.Source, Account: g.Number, Currency: g.Currency}
	if strings.HasPrefix(g.Source, statement.CSVFormat) {
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
type DeclaredError struct{ Fault project.Error }

func (e *DeclaredError) Error() string { return e.Fault.Error() }

// Class is Data: retrying does not help.
func (e *DeclaredError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7): the configuration is at fault.
func (e *DeclaredError) ExitCode() int { return 2 }

// CheckDeclared finds declarations that changed what was already imported. It writes nothing.
func CheckDeclared(ctx context.Context, records catalog.Catalog, p *project.Project) (faults []project.Error, err error) {
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
