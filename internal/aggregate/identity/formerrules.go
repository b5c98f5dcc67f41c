// Rules of earlier versions, which projects keep whose entries they imported: the events keep their ids.

package identity

import (
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

// FormerPart identifies a later part of a statement in several parts. Equal entries on different parts are different
// ones, even if the parts come in separate files. Entries with a reference do not depend on the part, so that a
// statement that is split differently yields the same entries.
func FormerPart(s *statement.Statement, intermediate string) string {
	switch {
	case statement.IsLaterPage(s.Page):
		return s.Number + "/" + s.Page
	case intermediate != "":
		return s.Number + "/" + s.Page + "/" + intermediate
	}
	return ""
}

// FormerBase digests the content of an entry without its text, which banks reword. Equal entries are distinguished by how
// often the file has listed them: see package rows. within identifies the statement, for an entry without a booking day.
func FormerBase(s *statement.Statement, e *statement.Entry, part, within string) Digest {
	if e.Unique && !e.Shared {
		return Of("unique", string(s.Kind), ServicerScope(s), s.Account, e.Reference)
	}
	scope := ""
	switch {
	case e.Reference != "" && e.Booked != "":
		part = ""
	case e.Booked == "" && s.Kind == statement.Booked:
		scope = within
	case e.Booked == "" || s.Kind != statement.Booked:
		scope = MessageID(s)
	}
	return Of(string(s.Kind), ServicerScope(s), s.Account, part, scope, e.Booked, e.Value, e.Amount, e.Currency, e.Status,
		strconv.FormatBool(e.Reversal), e.Reference, e.Own, e.Code)
}

// FormerMovementDigest is MovementDigest by the former rules.
func FormerMovementDigest(base Digest, e *statement.Entry) Digest {
	if !e.Unique || e.Shared {
		return base
	}
	return Of("said", string(base[:]), e.Amount)
}
