// Compares references that are cut to 16 characters where an MT message is converted from an MX message.

package aggregate

import (
	"cmp"
	"strconv"
	"unicode/utf8"

	"bursar/internal/aggregate/statement"
)

// form says how complete a reference is; zero if no message cuts it and it cannot be a cut one.
type form byte

const (
	cutForm   form = iota + 1 // 16 characters of an MT message: it may be the start of a longer one
	exactForm                 // 16 characters of a format that has longer ones
	longForm                  // more than 16 characters
)

// forms are their names in the stream of names.
var forms = [...]string{cutForm: "cut", exactForm: "exact", longForm: "long"}

// formNamed returns the form with a name.
func formNamed(name string) form {
	for f := cutForm; f <= longForm; f++ {
		if forms[f] == name {
			return f
		}
	}
	return 0
}

// A bank reference of :61: has 16 characters (16x). A longer reference is cut to its first 16 characters, or by the
// translation rules of CBPR+ to its first 15 and a mark.
const (
	cutLength = 16
	cutMark   = '+'
)

// cutName is what a reference of at least 16 characters is compared by, with others that begin with the same 15
// characters and belong to entries that move the same.
type cutName struct {
	form          form
	last          rune   // the 16th character
	booked, value string // days of the entry, as far as it states them
}

// cutNameOf derives the cut name of a reference. begins is its first 15 characters.
func cutNameOf(reference string, mt bool, booked, value, day string) (name cutName, begins string) {
	length := utf8.RuneCountInString(reference)
	switch {
	case length > cutLength:
		name.form = longForm
	case length == cutLength && mt:
		name.form = cutForm
	case length == cutLength:
		name.form = exactForm
	default:
		return name, ""
	}
	at := 0
	for range cutLength - 1 {
		_, size := utf8.DecodeRuneInString(reference[at:])
		at += size
	}
	name.last, _ = utf8.DecodeRuneInString(reference[at:])
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

// isCut reports whether the reference is the other one as an MT message cuts it, on days that agree as far as both state them.
func (c cutName) isCut(whole cutName) bool {
	return c.form == cutForm && whole.form == longForm && (c.last == cutMark || c.last == whole.last) && c.agrees(whole)
}

// agrees compares the days that both state, or else the one day that each states: MT omits a booking day that equals the value date.
func (c cutName) agrees(o cutName) bool {
	booked, value := c.booked != "" && o.booked != "", c.value != "" && o.value != ""
	if !booked && !value {
		return cmp.Or(c.booked, c.value) == cmp.Or(o.booked, o.value)
	}
	return (!booked || c.booked == o.booked) && (!value || c.value == o.value)
}

// keys are the keys that the name is found by: its value date, if it has one. Names of 16 characters are also found by
// their booking day, because the longer one may have no value date.
func (c cutName) keys(group digest) []digest {
	first := cmp.Or(c.value, c.booked)
	keys := []digest{digestOf("cut", string(group[:]), first)}
	if second := cmp.Or(c.booked, c.value); c.form != longForm && second != first {
		keys = append(keys, digestOf("cut", string(group[:]), second))
	}
	return keys
}

// groupOf digests what entries share of which one may have the cut reference of another: account, money, and the first
// 15 characters of the reference.
func groupOf(kind, servicer, account, amount, currency, status, reversal, begins string) digest {
	return digestOf("begins", kind, servicer, account, statement.NormalAmount(amount), currency, status, reversal, begins)
}

// nameCut groups an entry with those that may have its reference complete or cut.
func (t *rowBuilder) nameCut(n *namedEntry, currency string) {
	if !t.stmt.IsCAMT() && !t.stmt.IsMT() {
		return
	}
	e := t.entry
	var begins string
	if n.cut, begins = cutNameOf(t.reference(e), t.stmt.IsMT(), e.Booked, e.Value, n.day); begins != "" {
		n.listed = n.listed || n.cut.form == cutForm
		n.group = groupOf(string(t.stmt.Kind), t.name.servicer, t.name.account, e.Amount, currency, e.StoredStatus(), strconv.FormatBool(e.Reversal), begins)
	}
}

// write writes the columns of a name.
func (c cutName) write(r *row) {
	if c.form == 0 {
		return
	}
	r.text("form", forms[c.form])
	r.text("sixteenth", string(c.last))
	r.stated("booked_day", c.booked)
	r.stated("value_day", c.value)
}

// storedCutName reads these columns.
func storedCutName(row []string) cutName {
	last, _ := utf8.DecodeRuneInString(row[1])
	return cutName{form: formNamed(row[0]), last: last, booked: row[2], value: row[3]}
}

// cutKeys are the keys of an entry's cut name.
func (n *namedEntry) cutKeys() []digest {
	if n.cut.form == 0 {
		return nil
	}
	return n.cut.keys(n.group)
}
