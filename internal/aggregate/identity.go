// What tells statements, entries, balances and details apart: digests of what they say, never of the file that says it,
// so that a statement sent again, or one that overlaps, tells of the same events.

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

// servicerScope is what the account number counts in: nothing where it is an IBAN, which names an account by itself.
func servicerScope(s *statement.Statement) string {
	if s.IBAN {
		return ""
	}
	return s.Servicer
}

// messageID names a statement by what the bank calls it. It is the last resort: a bank may send the same again under a new name.
// CAMT's name is unique by itself, and a repetition has another time; that of MT94x is a constant of many banks' software.
func messageID(s *statement.Statement) string {
	created := s.Created
	if s.Reference != "" && strings.HasPrefix(s.Format, "camt") {
		created = ""
	}
	return digestOf(s.Reference, s.Number, s.Page, created).String()
}

// normalAmount is an amount by value: 10.5 is 10.50. What is none stays as it is.
func normalAmount(amount string) string {
	var s statement.Sum
	if !s.Add(amount) {
		return amount
	}
	return s.String()
}

// entryBase digests what names an entry: the servicer's reference beside day and money, or these alone. Entries of one base are matched with
// those that are stored as a multiset, by all that they say: see resolve.go. A reference that names an entry for ever names it by itself.
// within is what an entry without a day of its own belongs to; one of a report or notification without a reference belongs to its message.
func entryBase(h accountName, s *statement.Statement, e *statement.Entry, reference, within string) digest {
	if e.Unique {
		texts := []string{"unique", string(s.Kind), h.servicer, h.account, reference}
		if e.Corrects == reference { // it is not the entry of that name
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
	return digestOf("entry", string(s.Kind), h.servicer, h.account, scope, day, normalAmount(e.Amount), e.Currency, statusOf(e),
		strconv.FormatBool(e.Reversal), reference)
}

// movementDigest digests what an entry moves, for the digest of a statement's entries: words are no part of it.
func movementDigest(base digest, e *statement.Entry) digest {
	if !e.Unique {
		return base
	}
	return digestOf("said", string(base[:]), normalAmount(e.Amount))
}

// contentDigest digests all that an entry says, with its details in any order.
func contentDigest(base digest, e *statement.Entry, own string, details digest) digest {
	texts := []string{"all", string(base[:]), e.Booked, e.Value, normalAmount(e.Amount), own, e.Code, e.Party, e.Peer, e.Text, e.Operations, string(details[:])}
	if e.Corrects != "" {
		texts = append(texts, e.Corrects)
	}
	return digestOf(texts...)
}

// nth is the id of the n-th of those entries that say all the same, from 1.
func nth(all digest, n uint32) digest {
	return digestOf("nth", string(all[:]), strconv.FormatUint(uint64(n), 10))
}
