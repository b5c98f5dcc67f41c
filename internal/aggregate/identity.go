// What tells statements, entries, balances and details apart: digests of what they say, never of the file that says it,
// so that a statement sent again, or one that overlaps, tells of the same events.

package aggregate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

// digest is what an id is made of. It is cryptographic, as files come from outside: nobody can word a payment so that it
// passes for another one.
type digest [16]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// digestOf digests texts, each with its length, so that no two lists of texts are alike.
func digestOf(texts ...string) (d digest) {
	buffer := make([]byte, 0, 512)
	for _, t := range texts {
		buffer = binary.AppendUvarint(buffer, uint64(len(t)))
		buffer = append(buffer, t...)
	}
	sum := sha256.Sum256(buffer)
	copy(d[:], sum[:])
	return d
}

// plus folds another digest in; the order of folding does not matter.
func (d *digest) plus(other digest) {
	carry := uint16(0)
	for i := len(d) - 1; i >= 0; i-- {
		carry += uint16(d[i]) + uint16(other[i])
		d[i], carry = byte(carry), carry>>8
	}
}

// bank is what the account number counts in: nothing where it is an IBAN, which names an account by itself.
func bank(s *statement.Statement) string {
	if s.IBAN {
		return ""
	}
	return s.Servicer
}

// later is the part of a statement in several parts, from its second on. Equal entries on different parts are different
// ones, even where the parts come in files of their own; those with a reference of the bank's are not told apart by it, so that
// a statement that is cut otherwise tells of the same entries.
func later(s *statement.Statement, intermediate string) string {
	switch {
	case statement.IsLater(s.Page):
		return s.Number + "/" + s.Page
	case intermediate != "":
		return s.Number + "/" + s.Page + "/" + intermediate
	}
	return ""
}

// message names a statement by what the bank calls it. It is the last resort: a bank may send the same again under a new name.
// CAMT's name is unique by itself, and a repetition has another time; that of MT94x is a constant of many banks' software.
func message(s *statement.Statement) string {
	created := s.Created
	if s.Reference != "" && strings.HasPrefix(s.Format, "camt") {
		created = ""
	}
	return digestOf(s.Reference, s.Number, s.Page, created).String()
}

// saidOf is content and the amount, which is no part of the content of an entry that its reference names for ever.
func saidOf(base digest, e *statement.Entry) digest {
	if !e.Unique {
		return base
	}
	return digestOf("said", string(base[:]), e.Amount)
}

// content digests what an entry says, but for its text, which banks word anew. Two entries that say the same are told
// apart by how often the file has said it: see occurrences. within is what an entry without a day of booking belongs to.
func content(s *statement.Statement, e *statement.Entry, part, within string) digest {
	if e.Unique {
		return digestOf("unique", string(s.Kind), bank(s), s.Account, e.Reference)
	}
	scope := ""
	switch {
	case e.Reference != "" && e.Booked != "":
		part = ""
	case e.Booked == "" && s.Kind == statement.Booked:
		scope = within
	case e.Booked == "" || s.Kind != statement.Booked:
		scope = message(s)
	}
	return digestOf(string(s.Kind), bank(s), s.Account, part, scope, e.Booked, e.Value, e.Amount, e.Currency, e.Status,
		strconv.FormatBool(e.Reversal), e.Reference, e.Own, e.Code)
}
