// The rules that identify and date the statements of a project.

package aggregate

import (
	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// rules are those of a project. A project whose entries an earlier version imported keeps its rules, so that entries
// that are sent again are recognised.
type rules struct {
	project *project.Project

	previousDay    previousDayFunc
	accountName    accountNamer
	movementDigest func(base digest, e *statement.Entry) digest
	former         bool

	hasOriginalReversals func(s *statement.Statement) bool // its reversals have the direction of what they reverse
	hasTemporaryFITIDs   func(s *statement.Statement) bool // its FITIDs change with each file
}

func rulesOf(p *project.Project, former bool) rules {
	if former {
		return rules{project: p, previousDay: newPreviousDay(p), accountName: formerAccountName, movementDigest: formerMovementDigest, former: true, hasOriginalReversals: originalReversalsOf(p), hasTemporaryFITIDs: neverTemporary}
	}
	return rules{project: p, previousDay: newPreviousDay(p), accountName: newAccountNamer(p), movementDigest: movementDigest, hasOriginalReversals: originalReversalsOf(p), hasTemporaryFITIDs: temporaryFITIDsOf(p)}
}
