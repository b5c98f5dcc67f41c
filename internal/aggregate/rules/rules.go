// Package rules is what the declarations of a project make of values in statement files: which account a number is, which
// direction reversals have, whether references identify entries. It owns the bindings, the record of what was given to
// what is imported, and finds declarations that changed since: ids depend on them. It must not read statements or events.
package rules

import (
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/project"
)

// Set is the rules of a project. A project whose entries an earlier version imported keeps its rules, so that entries
// that are sent again are recognised.
type Set struct {
	Former bool // the rules are those of earlier versions

	project  *project.Project
	declared []string // IBANs of the institutions' accounts
}

// Of returns the rules of a project; former are those of earlier versions.
func Of(p *project.Project, former bool) Set {
	r := Set{Former: former, project: p}
	for _, i := range p.Institutions {
		for _, a := range i.Accounts {
			if number, iban := statement.AccountNumber(a); iban {
				r.declared = append(r.declared, number)
			}
		}
	}
	return r
}

// maxPause is how many days in a row a calendar may lack a statement.
const maxPause = 14

// PreviousDay returns the latest earlier day on which the calendar of the account's institution expects a statement.
// Without a calendar it is the day before.
func (r *Set) PreviousDay(s *statement.Statement, day time.Time) time.Time {
	before := day.AddDate(0, 0, -1)
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	if i == nil || i.Statements.Kind == project.NoCalendar {
		return before
	}
	calendar := i.Statements
	calendar.Since = time.Time{} // Since limits what may be missing, not which days have statements
	for n := range maxPause {
		if earlier := before.AddDate(0, 0, -n); calendar.Expects(earlier) {
			return earlier
		}
	}
	return before
}

// MovementDigest digests what an entry moves, for the digest of a statement's entries.
func (r *Set) MovementDigest(base identity.Digest, e *statement.Entry) identity.Digest {
	if r.Former {
		return identity.FormerMovementDigest(base, e)
	}
	return identity.MovementDigest(base, e)
}

// HasOriginalReversals reports whether the reversals of a statement are declared to have the direction of the reversed entries.
func (r *Set) HasOriginalReversals(s *statement.Statement) bool {
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	return s.IsCAMT() && i != nil && i.Reversals == project.OriginalReversals
}

// HasTemporaryFITIDs reports whether the FITIDs of a statement are declared to change with each file. The former rules
// do not know of such a declaration.
func (r *Set) HasTemporaryFITIDs(s *statement.Statement) bool {
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	return !r.Former && s.IsOFX() && i != nil && i.TemporaryIDs
}
