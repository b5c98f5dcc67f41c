// The rules by which the statements of a project are told apart and dated.

package aggregate

import (
	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// rules are a project's. One whose entries were taken in by an earlier version goes on with its rules, so that they are known when they come again.
type rules struct {
	project *project.Project

	previousDay    previousDayFunc
	accountName    accountNamer
	movementDigest func(base digest, e *statement.Entry) digest
	former         bool

	hasOriginalReversals func(s *statement.Statement) bool // its reversals have the direction of what they take back
	hasTemporaryFITIDs   func(s *statement.Statement) bool // its FITIDs are others in the next file
}

func rulesOf(p *project.Project, former bool) rules {
	if former {
		return rules{project: p, previousDay: newPreviousDay(p), accountName: formerAccountName, movementDigest: formerMovementDigest, former: true, hasOriginalReversals: originalReversalsOf(p), hasTemporaryFITIDs: neverTemporary}
	}
	return rules{project: p, previousDay: newPreviousDay(p), accountName: newAccountNamer(p), movementDigest: movementDigest, hasOriginalReversals: originalReversalsOf(p), hasTemporaryFITIDs: temporaryFITIDsOf(p)}
}
