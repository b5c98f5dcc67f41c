// The rules by which the statements of a project are told apart and dated.

package aggregate

import (
	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// rules are a project's. One whose entries were taken in by an earlier version goes on with its rules, so that they are known when they come again.
type rules struct {
	project *project.Project

	previousDay previousDay
	accountName holders
	moved       func(base digest, e *statement.Entry) digest
	former      bool

	originals func(s *statement.Statement) bool // its reversals have the direction of what they take back
	temporary func(s *statement.Statement) bool // its FITIDs are others in the next file
}

func rulesOf(p *project.Project, former bool) rules {
	if former {
		return rules{project: p, previousDay: evesOf(p), accountName: formerAccountName, moved: formerMoved, former: true, originals: originalsOf(p), temporary: noneIs}
	}
	return rules{project: p, previousDay: evesOf(p), accountName: holdersOf(p), moved: movedOf, originals: originalsOf(p), temporary: temporaryOf(p)}
}
