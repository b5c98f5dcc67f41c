// Bindings: what declarations make of values in files. Ids depend on them, so that they must not change after an
// import.

package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Aspect is what is bound.
type Aspect string

// What is bound.
const (
	AccountAspect    Aspect = "account"   // which account a number is, in one currency
	ReversalsAspect  Aspect = "reversals" // which direction the reversals of an account have
	ReferencesAspect Aspect = "reference" // how far the references of an institution's CSV files identify entries
	FITIDsAspect     Aspect = "fitids"    // whether the FITIDs of an account identify entries permanently
	MappingAspect    Aspect = "mapping"   // how rows of an institution's CSV files are read
)

// Binding is the value that the declarations give to an aspect of a file. The catalog keeps it from the first import on.
type Binding struct {
	Aspect    Aspect `json:"what"`
	Source    string `json:"source,omitempty"` // the servicer, or the format of CSV files, which contains the name of their institution
	Number    string `json:"number,omitempty"` // as in files
	Currency  string `json:"currency,omitempty"`
	Value     string `json:"is"`
	Servicer  string `json:"servicer,omitempty"` // servicer of an account that is not an IBAN
	Confirmed bool   `json:"taken,omitempty"`    // something that depends on it was ingested
}

const bindingPrefix = "statements/given/"

// Subject identifies what is bound.
func (g *Binding) Subject() identity.Digest {
	return identity.Of(string(g.Aspect), g.Source, g.Number, g.Currency)
}

// BindingKey is the key of the binding with a subject.
func BindingKey(subject identity.Digest) string { return bindingPrefix + subject.String() }

// SameAs reports whether two bindings give what was imported the same meaning.
func (g *Binding) SameAs(was *Binding) bool {
	if g.Aspect == MappingAspect {
		return remapped(was.Value, g.Value) == ""
	}
	return g.Value == was.Value && g.Servicer == was.Servicer
}

// Bind returns the binding of a statement of an account.
func (r *Set) Bind(what Aspect, s *statement.Statement, h identity.Account) Binding {
	g := Binding{Aspect: what, Source: s.Servicer}
	if strings.HasPrefix(s.Format, statement.CSVFormat) {
		g.Source = s.Format
	}
	switch what {
	case AccountAspect:
		g.Number, g.Currency, g.Value, g.Servicer = s.Account, s.Currency, h.Account, h.Servicer
	case ReversalsAspect:
		g.Number, g.Value = s.Account, "own"
		if r.HasOriginalReversals(s) {
			g.Value = string(project.OriginalReversals)
		}
	case FITIDsAspect:
		g.Number, g.Value = s.Account, project.LastingFITIDs
		if r.HasTemporaryFITIDs(s) {
			g.Value = project.TemporaryFITIDs
		}
	case ReferencesAspect:
		g.Value = referenceUse(r.CSVInstitution(s.Format))
	case MappingAspect:
		g.Value = mappingText(r.CSVInstitution(s.Format))
	}
	return g
}

// CSVInstitution is the institution whose CSV files have a format; nil if there is none.
func (r *Set) CSVInstitution(format string) *project.Institution {
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
func (r *Set) current(g *Binding) (now Binding, known bool) {
	s := &statement.Statement{Servicer: g.Source, Account: g.Number, Currency: g.Currency}
	if strings.HasPrefix(g.Source, statement.CSVFormat) {
		i := r.CSVInstitution(g.Source)
		if i == nil {
			return now, false
		}
		s.Format, s.Servicer = g.Source, i.Servicer
	}
	switch g.Aspect {
	case ReversalsAspect:
		s.Format = "camt"
	case FITIDsAspect:
		s.Format = "ofx"
	}
	return r.Bind(g.Aspect, s, r.Account(s)), true
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
	declared := Of(p, false)
	err = records.View(ctx, func(tx catalog.Tx) error {
		faults = nil
		return tx.List(bindingPrefix, func(_ string, value json.RawMessage) error {
			var was Binding
			if err := json.Unmarshal(value, &was); err != nil {
				return fmt.Errorf("read bindings: %w", err)
			}
			if now, known := declared.current(&was); known && !now.SameAs(&was) && len(faults) < most {
				faults = append(faults, declared.ChangeError(&was, &now).Fault)
			}
			return nil
		})
	})
	return faults, err
}

// mappingText is the part of the mapping that determines the content of entries, by the keys that declare it, as JSON.
// How files are split into rows, and what is only compared (balances, control rows), is left out.
func mappingText(i *project.Institution) string {
	if i == nil {
		return "{}"
	}
	m, c := i.CSV, &i.CSV.Columns
	keys := map[string][]string{
		"account": {m.Account.Column, m.Account.Literal}, "currency": {m.Currency.Column, m.Currency.Literal}, "decimal": {string(rune(m.Decimal))},
		"columns.booked": {c.Booked}, "columns.value": {c.Value}, "columns.amount": {c.Amount}, "columns.credit": {c.Credit}, "columns.debit": {c.Debit},
		"columns.own": {c.Own}, "columns.code": {c.Code}, "columns.party": {c.Party}, "columns.peer": {c.Peer}, "columns.text": c.Text,
		"columns.reference": {c.Reference}, "columns.sign": {c.Sign.Column}, "columns.status": {c.Status.Column},
		"date": {}, "negative": formsOf(m.Notation.Negative), "positive": formsOf(m.Notation.Positive),
		"columns.sign.credit": c.Sign.Credit, "columns.sign.debit": c.Sign.Debit,
		"columns.status.booked": c.Status.Booked, "columns.status.pending": c.Status.Pending, "columns.status.ignored": c.Status.Ignored,
	}
	for _, layout := range m.Dates {
		keys["date"] = append(keys["date"], layout.Format)
	}
	text, _ := json.Marshal(keys) // plain texts always marshal
	return string(text)
}

func formsOf(forms []project.Form) (texts []string) {
	for _, f := range forms {
		texts = append(texts, f.Before+"\x00"+f.After)
	}
	return texts
}

// lists are the keys to which values may be added: more rows are read then, and earlier rows do not change.
var lists = []string{
	"date", "negative", "positive", "columns.sign.credit", "columns.sign.debit", "columns.status.booked", "columns.status.pending", "columns.status.ignored",
}

// remapped is the first key, by name, that changes how earlier rows are read; empty if there is none.
func remapped(was, now string) string {
	var before, after map[string][]string
	if json.Unmarshal([]byte(was), &before) != nil || json.Unmarshal([]byte(now), &after) != nil {
		return "columns"
	}
	changed := ""
	for key, values := range before {
		if key == "columns.reference" && (slices.Contains(values, "") || slices.Contains(after[key], "")) {
			continue // whether there is a reference is another aspect
		}
		grown := slices.Contains(lists, key) && len(values) > 0 && len(values) <= len(after[key])
		if key == "date" && grown {
			grown = slices.Equal(values, after[key][:len(values)])
		}
		for _, value := range values {
			grown = grown && slices.Contains(after[key], value)
		}
		if !grown && !slices.Equal(values, after[key]) && (changed == "" || key < changed) {
			changed = key
		}
	}
	return changed
}

func declaredAs(mapping, key string) string {
	var keys map[string][]string
	_ = json.Unmarshal([]byte(mapping), &keys) // an unreadable mapping is shown as nothing
	values := slices.DeleteFunc(slices.Clone(keys[key]), func(value string) bool { return value == "" })
	for i := range values {
		values[i] = "`" + strings.ReplaceAll(values[i], "\x00", "*") + "`"
	}
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(values, ", ")
}
