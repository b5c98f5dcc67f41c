// Reports declarations that changed after statements were imported by them.

package rules

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// ChangeError says which declaration differs from before, and where.
func (r *Set) ChangeError(was, now *Binding) *DeclaredError {
	e := &DeclaredError{doc.Error{File: "institutions", Line: 1}}
	fault := &e.Fault
	at := func(i *project.Institution, what, value string) {
		if i != nil {
			fault.File, fault.Line = i.File, i.LineOf(what, value)
		}
	}
	const advice = "what overlaps with it would count twice: declare it as it was, or import the originals of all that was read so again in one command, " +
		"which takes the earlier reading back: `bursar import .bursar/objects/statements/*/*`"
	switch was.Aspect {
	case AccountAspect:
		i, what, value := r.declarationOf(was, now)
		at(i, what, value)
		fault.Message = fmt.Sprintf("account %s in %q was imported as %s, and by the institutions that are declared it is %s: %s", was.Number, was.Currency,
			was.describe(), now.describe(), advice)
	case ReversalsAspect:
		at(r.project.InstitutionOf(was.Source, was.Number), "reversals", "")
		fault.Message = fmt.Sprintf("reversals of account %s were imported with `reversals: %s`, and it is declared to be %s: %s", was.Number, was.Value, now.Value, advice)
	case FITIDsAspect:
		at(r.project.InstitutionOf(was.Source, was.Number), "fitids", "")
		fault.Message = fmt.Sprintf("account %s was imported with `fitids: %s`, and they are declared to be %s: %s", was.Number, was.Value, now.Value, advice)
	case ReferencesAspect:
		i := r.CSVInstitution(was.Source)
		at(i, "csv.columns.reference", "")
		if i != nil && i.CSV.Unique != (was.Value == uniqueReferences) {
			at(i, "csv.unique", "")
		}
		fault.Message = fmt.Sprintf("CSV files of this institution were imported with %s, and it declares %s: %s", was.Value, now.Value, advice)
	case MappingAspect:
		key := remapped(was.Value, now.Value)
		at(r.CSVInstitution(was.Source), "csv."+strings.TrimSuffix(strings.TrimSuffix(key, ".credit"), ".debit"), "")
		fault.Message = fmt.Sprintf("CSV files of this institution were imported with %#q %s, and it declares %s: %s",
			key, declaredAs(was.Value, key), declaredAs(now.Value, key), advice)
	}
	return e
}

// WithoutFiles adds the files that an import would have to read again.
func (e *DeclaredError) WithoutFiles(files []string) *DeclaredError {
	const most = 3
	names := strings.Join(files[:min(len(files), most)], ", ")
	if len(files) > most {
		names += fmt.Sprintf(" and %d more", len(files)-most)
	}
	e.Fault.Message += "; this import does not read again: " + names
	return e
}

// describe names the account of a binding.
func (g *Binding) describe() string {
	if g.Servicer == "" {
		return g.Value
	}
	return g.Value + " of " + g.Servicer
}

// declarationOf finds the declaration that changes a number's account: the declared account that it is or whose digits
// it has, else the servicer of the CSV institution. It returns no institution if the declaration was removed.
func (r *Set) declarationOf(was, now *Binding) (i *project.Institution, what, value string) {
	for _, i := range r.project.Institutions {
		for _, a := range i.Accounts {
			number, iban := statement.AccountNumber(a)
			if !iban || number == was.Value {
				continue
			}
			if number == now.Value || ibanOf(was.Number, was.Currency, []string{number}) == number {
				return i, "account", a
			}
		}
	}
	if i := r.CSVInstitution(was.Source); i != nil {
		return i, "servicer", ""
	}
	return r.project.InstitutionOf(was.Source, was.Number), "accounts", ""
}
