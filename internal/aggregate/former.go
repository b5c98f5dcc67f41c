// What told entries apart in projects of earlier versions, which go on with it: their events keep their ids.

package aggregate

import (
	"strconv"

	"bursar/internal/aggregate/statement"
)

// formerPart is the part of a statement in several parts, from its second on. Equal entries on different parts are different
// ones, even where the parts come in files of their own; those with a reference of the bank's are not told apart by it, so that
// a statement that is cut otherwise tells of the same entries.
func formerPart(s *statement.Statement, intermediate string) string {
	switch {
	case statement.IsLater(s.Page):
		return s.Number + "/" + s.Page
	case intermediate != "":
		return s.Number + "/" + s.Page + "/" + intermediate
	}
	return ""
}

// formerBase digests what an entry says, but for its text, which banks word anew. Two entries that say the same are told
// apart by how often the file has said it: see occurrences. within is what an entry without a day of booking belongs to.
func formerBase(s *statement.Statement, e *statement.Entry, part, within string) digest {
	if e.Unique && !e.Shared {
		return digestOf("unique", string(s.Kind), servicerScope(s), s.Account, e.Reference)
	}
	scope := ""
	switch {
	case e.Reference != "" && e.Booked != "":
		part = ""
	case e.Booked == "" && s.Kind == statement.Booked:
		scope = within
	case e.Booked == "" || s.Kind != statement.Booked:
		scope = messageID(s)
	}
	return digestOf(string(s.Kind), servicerScope(s), s.Account, part, scope, e.Booked, e.Value, e.Amount, e.Currency, e.Status,
		strconv.FormatBool(e.Reversal), e.Reference, e.Own, e.Code)
}

// formerMovementDigest is movedOf.
func formerMovementDigest(base digest, e *statement.Entry) digest {
	if !e.Unique || e.Shared {
		return base
	}
	return digestOf("said", string(base[:]), e.Amount)
}
