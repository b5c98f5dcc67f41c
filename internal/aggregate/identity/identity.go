// Package identity computes the ids of statements, entries, balances, details and the events that follow from them:
// digests of content, never of a file, so that a statement that is sent again or overlaps another yields the same events.
// It owns what is digested and in which order, which must never change: stored events have these ids. It must not know
// streams or the catalog.
package identity

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// Digest is what ids are made of. It is cryptographic, because files come from outside: nobody can craft a payment
// whose id equals that of another.
type Digest [16]byte

// String returns the hex digits that ids have.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Of digests texts, each with its length, so that different lists never digest the same bytes.
func Of(texts ...string) (d Digest) {
	buffer := make([]byte, 0, 512)
	for _, t := range texts {
		buffer = binary.AppendUvarint(buffer, uint64(len(t)))
		buffer = append(buffer, t...)
	}
	sum := sha256.Sum256(buffer)
	copy(d[:], sum[:])
	return d
}

// Plus adds another digest; the order of additions does not matter.
func (d *Digest) Plus(other Digest) {
	carry := uint16(0)
	for i := len(d) - 1; i >= 0; i-- {
		carry += uint16(d[i]) + uint16(other[i])
		d[i], carry = byte(carry), carry>>8
	}
}

// ServicerScope is the servicer in which an account number is unique: empty for an IBAN, which is unique by itself.
func ServicerScope(s *statement.Statement) string {
	if s.IBAN {
		return ""
	}
	return s.Servicer
}

// MessageID identifies a statement by the names that the bank gives it. It is the last resort: a bank may send the same
// content again under a new name. A reference of CAMT is unique by itself, and a repetition has another time; that of
// MT94x is a constant in the software of many banks.
func MessageID(s *statement.Statement) string {
	created := s.Created
	if s.Reference != "" && strings.HasPrefix(s.Format, "camt") {
		created = ""
	}
	return Of(s.Reference, s.Number, s.Page, created).String()
}

// EntryBase digests what identifies an entry: the servicer's reference with day and money, or only the latter. Entries
// with one base are matched with the stored ones as a multiset, by their whole content: see package match. A reference
// that is permanently unique identifies an entry by itself. within identifies the statement, for an entry without a day;
// an entry of a report or notification without a reference belongs to its message.
func EntryBase(h Account, s *statement.Statement, e *statement.Entry, reference, within string) Digest {
	if e.Unique {
		texts := []string{"unique", string(s.Kind), h.Servicer, h.Account, reference}
		if e.Corrects == reference { // it is not the entry that it corrects
			texts = append(texts, "corrects")
		}
		return Of(texts...)
	}
	day, scope := cmp.Or(e.Booked, e.Value), ""
	switch {
	case reference != "":
		day = e.Booked
	case s.Kind != statement.Booked:
		scope = MessageID(s)
	case day == "":
		scope = within
	}
	return Of("entry", string(s.Kind), h.Servicer, h.Account, scope, day, statement.NormalAmount(e.Amount), e.Currency, e.StoredStatus(),
		strconv.FormatBool(e.Reversal), reference)
}

// MovementDigest digests what an entry moves, for the digest of a statement's entries; former is by the rules of earlier
// versions. Texts are not part of it.
func MovementDigest(base Digest, e *statement.Entry, former bool) Digest {
	switch {
	case !e.Unique, former && e.Shared:
		return base
	case former:
		return Of("said", string(base[:]), e.Amount)
	}
	return Of("said", string(base[:]), statement.NormalAmount(e.Amount))
}

// ContentDigest digests the whole content of an entry, with its details in any order.
func ContentDigest(base Digest, e *statement.Entry, own string, details Digest) Digest {
	texts := []string{"all", string(base[:]), e.Booked, e.Value, statement.NormalAmount(e.Amount), own, e.Code, e.Party, e.Peer, e.Text, e.Operations, string(details[:])}
	if e.Corrects != "" {
		texts = append(texts, e.Corrects)
	}
	return Of(texts...)
}

// Nth is the id of the n-th of several entries with the same content, from 1.
func Nth(all Digest, n uint32) Digest {
	return Of("nth", string(all[:]), strconv.FormatUint(uint64(n), 10))
}

// Account names an account: an IBAN by itself, any other number within its servicer.
type Account struct{ Servicer, Account string }

// CancelID is the id of the event that cancels another.
func CancelID(id string) string { return Of("taken back", id).String() }

// CorrectedID is the id of the event that cancels a corrected entry. It differs from CancelID: an entry with the same
// content is the same entry, and stays cancelled.
func CorrectedID(id string) string { return Of("corrected", id).String() }

// RestoredID is the id of the event that restores a cancelled one. The event itself has no takes_back, so that
// pipelines that count entries count it.
func RestoredID(id string) string { return Of("counts again", id).String() }

// Decode decodes the id at a position of a row that was written here.
func Decode(line []byte, at int) (d Digest) {
	_, _ = hex.Decode(d[:], line[at:at+2*len(d)]) // this program wrote it
	return d
}

// DetailID is the id of the n-th detail of an entry, from 1.
func DetailID(entry Digest, n int64) Digest {
	return Of("detail", string(entry[:]), strconv.FormatInt(n, 10))
}

// SlotID is the id under which the n-th entry of a base, or of a cut name, is kept in the stream of names, from 1.
func SlotID(base Digest, n int) Digest { return Nth(Of("slot", string(base[:])), uint32(n)) }

// FormerBase digests the content of an entry without its text, which banks reword. Equal entries are distinguished by how
// often the file has listed them: see package rows. within identifies the statement, for an entry without a booking day;
// intermediate is the balance that a later part of a statement in several parts opens with.
func FormerBase(s *statement.Statement, e *statement.Entry, intermediate, within string) Digest {
	if e.Unique && !e.Shared {
		return Of("unique", string(s.Kind), ServicerScope(s), s.Account, e.Reference)
	}
	// Equal entries on different parts are different ones, even if the parts come in separate files. Entries with a
	// reference do not depend on the part, so that a statement that is split differently yields the same entries.
	scope, part := "", ""
	switch {
	case statement.IsLaterPage(s.Page):
		part = s.Number + "/" + s.Page
	case intermediate != "":
		part = s.Number + "/" + s.Page + "/" + intermediate
	}
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
