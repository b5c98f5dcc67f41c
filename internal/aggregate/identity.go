// Computes the ids of statements, entries, balances and details: digests of their content, never of their file, so that
// a statement that is sent again or overlaps another yields the same events.

package aggregate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

// digest is what ids are made of. It is cryptographic, because files come from outside: nobody can craft a payment
// whose id equals that of another.
type digest [16]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// digestOf digests texts, each with its length, so that different lists never digest the same bytes.
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

// plus adds another digest; the order of additions does not matter.
func (d *digest) plus(other digest) {
	carry := uint16(0)
	for i := len(d) - 1; i >= 0; i-- {
		carry += uint16(d[i]) + uint16(other[i])
		d[i], carry = byte(carry), carry>>8
	}
}

// servicerScope is the servicer in which an account number is unique: empty for an IBAN, which is unique by itself.
func servicerScope(s *statement.Statement) string {
	if s.IBAN {
		return ""
	}
	return s.Servicer
}

// messageID identifies a statement by the names that the bank gives it. It is the last resort: a bank may send the same
// content again under a new name. A reference of CAMT is unique by itself, and a repetition has another time; that of
// MT94x is a constant in the software of many banks.
func messageID(s *statement.Statement) string {
	created := s.Created
	if s.Reference != "" && strings.HasPrefix(s.Format, "camt") {
		created = ""
	}
	return digestOf(s.Reference, s.Number, s.Page, created).String()
}

// entryBase digests what identifies an entry: the servicer's reference with day and money, or only the latter. Entries
// with one base are matched with the stored ones as a multiset, by their whole content: see resolve.go. A reference
// that is permanently unique identifies an entry by itself. within identifies the statement, for an entry without a day;
// an entry of a report or notification without a reference belongs to its message.
func entryBase(h accountName, s *statement.Statement, e *statement.Entry, reference, within string) digest {
	if e.Unique {
		texts := []string{"unique", string(s.Kind), h.servicer, h.account, reference}
		if e.Corrects == reference { // it is not the entry that it corrects
			texts = append(texts, "corrects")
		}
		return digestOf(texts...)
	}
	day, scope := cmp.Or(e.Booked, e.Value), ""
	switch {
	case reference != "":
		day = e.Booked
	case s.Kind != statement.Booked:
		scope = messageID(s)
	case day == "":
		scope = within
	}
	return digestOf("entry", string(s.Kind), h.servicer, h.account, scope, day, statement.NormalAmount(e.Amount), e.Currency, e.StoredStatus(),
		strconv.FormatBool(e.Reversal), reference)
}

// movementDigest digests what an entry moves, for the digest of a statement's entries. Texts are not part of it.
func movementDigest(base digest, e *statement.Entry) digest {
	if !e.Unique {
		return base
	}
	return digestOf("said", string(base[:]), statement.NormalAmount(e.Amount))
}

// contentDigest digests the whole content of an entry, with its details in any order.
func contentDigest(base digest, e *statement.Entry, own string, details digest) digest {
	texts := []string{"all", string(base[:]), e.Booked, e.Value, statement.NormalAmount(e.Amount), own, e.Code, e.Party, e.Peer, e.Text, e.Operations, string(details[:])}
	if e.Corrects != "" {
		texts = append(texts, e.Corrects)
	}
	return digestOf(texts...)
}

// nth is the id of the n-th of several entries with the same content, from 1.
func nth(all digest, n uint32) digest {
	return digestOf("nth", string(all[:]), strconv.FormatUint(uint64(n), 10))
}

// accountName names an account: an IBAN by itself, any other number within its servicer.
type accountName struct{ servicer, account string }
