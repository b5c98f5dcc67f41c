// Compares references that are cut to 16 characters where an MT message is converted from an MX message.

package rows

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// Form says how complete a reference is; zero if no message cuts it and it cannot be a cut one.
type Form byte

// How complete a reference is.
const (
	CutForm   Form = iota + 1 // 16 characters of an MT message: it may be the start of a longer one
	ExactForm                 // 16 characters of a format that has longer ones
	LongForm                  // more than 16 characters
)

// forms are their names in the stream of names.
var forms = [...]string{CutForm: "cut", ExactForm: "exact", LongForm: "long"}

// A bank reference of :61: has 16 characters (16x). A longer reference is cut to its first 16 characters, or by the
// translation rules of CBPR+ to its first 15 and a mark.
const (
	CutLength = 16
	CutMark   = '+'
)

// CutName is what a reference of at least 16 characters is compared by, with others that begin with the same 15
// characters and belong to entries that move the same.
type CutName struct {
	Form          Form
	Last          rune   // the 16th character
	booked, value string // days of the entry, as far as it states them
}

// CutNameOf derives the cut name of a reference. begins is its first 15 characters.
func CutNameOf(reference string, mt bool, booked, value, day string) (name CutName, begins string) {
	length := utf8.RuneCountInString(reference)
	switch {
	case length > CutLength:
		name.Form = LongForm
	case length == CutLength && mt:
		name.Form = CutForm
	case length == CutLength:
		name.Form = ExactForm
	default:
		return name, ""
	}
	at := 0
	for range CutLength - 1 {
		_, size := utf8.DecodeRuneInString(reference[at:])
		at += size
	}
	name.Last, _ = utf8.DecodeRuneInString(reference[at:])
	if statement.IsDay(booked) {
		name.booked = booked
	}
	if statement.IsDay(value) {
		name.value = value
	}
	if name.booked == "" && name.value == "" {
		name.booked = day
	}
	return name, reference[:at]
}

// IsCut reports whether the reference is the other one as an MT message cuts it, on days that agree as far as both state them.
func (c CutName) IsCut(whole CutName) bool {
	return c.Form == CutForm && whole.Form == LongForm && (c.Last == CutMark || c.Last == whole.Last) && c.agrees(whole)
}

// agrees compares the days that both state, or else the one day that each states: MT omits a booking day that equals the value date.
func (c CutName) agrees(o CutName) bool {
	booked, value := c.booked != "" && o.booked != "", c.value != "" && o.value != ""
	if !booked && !value {
		return cmp.Or(c.booked, c.value) == cmp.Or(o.booked, o.value)
	}
	return (!booked || c.booked == o.booked) && (!value || c.value == o.value)
}

// GroupOf digests what entries share of which one may have the cut reference of another: account, money, and the first
// 15 characters of the reference.
func GroupOf(kind, servicer, account, amount, currency, status, reversal, begins string) identity.Digest {
	return identity.Of("begins", kind, servicer, account, statement.NormalAmount(amount), currency, status, reversal, begins)
}

// nameCut groups an entry with those that may have its reference complete or cut.
func (t *Builder) nameCut(n *NamedEntry, currency string) {
	if !t.stmt.IsCAMT() && !t.stmt.IsMT() {
		return
	}
	e := t.entry
	var begins string
	if n.Cut, begins = CutNameOf(t.reference(e), t.stmt.IsMT(), e.Booked, e.Value, n.Day); begins != "" {
		n.Listed = n.Listed || n.Cut.Form == CutForm
		n.Group = GroupOf(string(t.stmt.Kind), t.name.Servicer, t.name.Account, e.Amount, currency, e.StoredStatus(), strconv.FormatBool(e.Reversal), begins)
	}
}

// Write writes the columns of a name.
func (c CutName) Write(r *Row) {
	if c.Form == 0 {
		return
	}
	r.Text("form", forms[c.Form])
	r.Text("sixteenth", string(c.Last))
	r.Stated("booked_day", c.booked)
	r.Stated("value_day", c.value)
}

// StoredCutName reads these columns.
func StoredCutName(row []string) CutName {
	last, _ := utf8.DecodeRuneInString(row[1])
	return CutName{Form: Form(max(0, slices.Index(forms[:], row[0]))), Last: last, booked: row[2], value: row[3]}
}

// CutKeys are the keys that an entry's cut name is found by: its value date, if it has one. Names of 16 characters are
// also found by their booking day, because the longer one may have no value date.
func (n *NamedEntry) CutKeys() []identity.Digest {
	c := &n.Cut
	if c.Form == 0 {
		return nil
	}
	first := cmp.Or(c.value, c.booked)
	keys := []identity.Digest{identity.Of("cut", string(n.Group[:]), first)}
	if second := cmp.Or(c.booked, c.value); c.Form != LongForm && second != first {
		keys = append(keys, identity.Of("cut", string(n.Group[:]), second))
	}
	return keys
}
