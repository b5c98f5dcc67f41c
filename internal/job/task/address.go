// Values in lists of addresses: each stays within its address, or within the name before it.

package task

import (
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode"

	"bursar/internal/job/mail"
)

var (
	errAfterAddress = misplaced("something follows the > of an address: write a comma between addresses, as in a@example.com, Name <b@example.com>")
	errOpenAddress  = misplaced("a < or a quote is not closed: write an address as in a@example.com or Name <a@example.com>")
)

// addressList reads a list of addresses in which values are between markers. Commas, quotes and angle brackets separate and enclose only
// where the declaration itself has them.
type addressList struct {
	out  []string
	part strings.Builder // of the name or the address

	name                     string
	quoted, inAddress, ended bool
}

// placeAddresses writes a list of addresses with marked values in the form of RFC 5322.
func placeAddresses(marked string) (string, error) {
	l := &addressList{}
	for isValue, rest := false, marked; ; isValue = !isValue {
		part, after, more := strings.Cut(rest, marker)
		if err := l.add(part, isValue); err != nil {
			return "", err
		}
		if rest = after; !more {
			break
		}
	}
	if err := l.end(); err != nil {
		return "", err
	}
	return strings.Join(l.out, ", "), nil
}

// add adds a value, or a part of the declaration.
func (l *addressList) add(part string, isValue bool) error {
	if isValue {
		return l.write(strings.TrimPrefix(part, textMark))
	}
	for i := 0; i < len(part); i++ {
		var err error
		switch c := part[i]; {
		case c == '"':
			l.quoted = !l.quoted
		case l.quoted && c == '\\' && i+1 < len(part):
			i++
			err = l.write(part[i : i+1])
		case !l.quoted && c == '<' && !l.inAddress && !l.ended:
			l.name, l.inAddress = strings.TrimSpace(l.part.String()), true
			l.part.Reset()
		case !l.quoted && c == '>' && l.inAddress:
			l.inAddress, l.ended = false, true
		case !l.quoted && c == ',' && !l.inAddress:
			err = l.end()
		default:
			err = l.write(part[i : i+1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *addressList) write(s string) error {
	if l.ended && strings.TrimSpace(s) != "" {
		return errAfterAddress
	}
	l.part.WriteString(s)
	return nil
}

// end ends an address. An empty one, as of an empty value, is left out.
func (l *addressList) end() error {
	if l.quoted || l.inAddress {
		return errOpenAddress
	}
	address := strings.TrimSpace(l.part.String())
	switch {
	case address == "" && l.name == "":
	case !mail.IsAddress(address):
		return fmt.Errorf("%q is not a valid address", address)
	default:
		l.out = append(l.out, (&netmail.Address{Name: plainName(l.name), Address: address}).String())
	}
	l.part.Reset()
	l.name, l.ended = "", false
	return nil
}

// plainName returns a name without what would end a line, or be taken for an encoded word (RFC 2047).
func plainName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name)
	return strings.ReplaceAll(name, "=?", "= ?")
}
