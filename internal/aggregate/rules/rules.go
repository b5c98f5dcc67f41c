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
	project *project.Project

	PreviousDay    previousDayFunc
	Account        accountNamer
	MovementDigest func(base identity.Digest, e *statement.Entry) identity.Digest
	Former         bool

	HasOriginalReversals func(s *statement.Statement) bool // its reversals have the direction of what they reverse
	HasTemporaryFITIDs   func(s *statement.Statement) bool // its FITIDs change with each file
}

// Of returns the rules of a project; former are those of earlier versions.
func Of(p *project.Project, former bool) Set {
	if former {
		return Set{project: p, PreviousDay: newPreviousDay(p), Account: formerAccountName, MovementDigest: identity.FormerMovementDigest, Former: true, HasOriginalReversals: originalReversalsOf(p), HasTemporaryFITIDs: neverTemporary}
	}
	return Set{project: p, PreviousDay: newPreviousDay(p), Account: newAccountNamer(p), MovementDigest: identity.MovementDigest, HasOriginalReversals: originalReversalsOf(p), HasTemporaryFITIDs: temporaryFITIDsOf(p)}
}

// maxPause is how many days in a row a calendar may lack a statement.
const maxPause = 14

// previousDayFunc returns the latest earlier day on which the calendar expects a statement.
type previousDayFunc func(s *statement.Statement, day time.Time) time.Time

// newPreviousDay uses the calendar of the account's institution. Without a calendar it is the day before.
func newPreviousDay(p *project.Project) previousDayFunc {
	return func(s *statement.Statement, day time.Time) time.Time {
		before := day.AddDate(0, 0, -1)
		i := p.InstitutionOf(s.Servicer, s.Account)
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
}

// originalReversalsOf reports whether the reversals of a statement are declared to have the direction of the reversed entries.
func originalReversalsOf(p *project.Project) func(s *statement.Statement) bool {
	return func(s *statement.Statement) bool {
		i := p.InstitutionOf(s.Servicer, s.Account)
		return s.IsCAMT() && i != nil && i.Reversals == project.OriginalReversals
	}
}

// temporaryFITIDsOf reports whether the FITIDs of a statement are declared to change with each file.
func temporaryFITIDsOf(p *project.Project) func(s *statement.Statement) bool {
	return func(s *statement.Statement) bool {
		i := p.InstitutionOf(s.Servicer, s.Account)
		return s.IsOFX() && i != nil && i.TemporaryIDs
	}
}

// neverTemporary is used by projects with former rules.
func neverTemporary(*statement.Statement) bool { return false }
