// Ambiguities: numbers that can be read in two ways, and texts that are numbers except for the notation of their sign or a currency.

package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"bursar/internal/column"
)

// startsZero matches a number below one with its decimals: a group mark never follows a single zero.
var startsZero = regexp.MustCompile(`^[-+]?0[.,]`)

// noteMarks warns if the decimal mark may be a group mark, or the reverse: three digits follow it in every value.
func (g *guess) noteMarks(f *field, j *typeChecker) {
	other := *g
	switch mark := g.Decimal; {
	case g.Group == '.' || g.Group == ',':
		other.Decimal, other.Group = g.Group, 0
	case g.Group == 0 && g.Type.Kind == column.Decimal:
		other.Decimal, other.Group = '.'+','-mark, mark
	}
	t, ok := column.Type{}, false
	if other.Group != g.Group && !slices.ContainsFunc(f.texts, startsZero.MatchString) {
		t, ok = j.number(other.Decimal, other.Group)
	}
	other.Type = t
	switch {
	case ok && g.Group == 0:
		g.note(fmt.Sprintf("CHECK: %q is read as the decimal mark, but may group digits: three digits follow it everywhere; if it groups digits, write %s",
			g.Decimal, other.numberOptions()))
	case ok:
		g.note(fmt.Sprintf("CHECK: %q is read as a group mark, but may be the decimal mark: three digits follow it everywhere; if it is, write %s",
			g.Group, other.numberOptions()))
	case g.Group != 0:
		g.note(fmt.Sprintf("CHECK: %q is read as a group mark", g.Group))
	}
}

func (g *guess) numberOptions() string {
	return strings.Join(append([]string{g.typeOption()}, g.markOptions()...), ", ")
}

// noteNotation warns about texts that would be numbers with a leading sign and without a currency.
func (g *guess) noteNotation(f *field, s *sample) {
	changed := -1
	var rewritten field
	for i, text := range f.texts {
		leading := leadingSign(withoutCurrency(text))
		if leading != text && changed < 0 {
			changed = i
		}
		rewritten.add(leading, &rewritten.strings)
	}
	if changed < 0 {
		return
	}
	number := *g
	if number.readNumber(newTypeChecker(&rewritten), s) {
		g.note(fmt.Sprintf("CHECK: %s looks like a number, but it has brackets, a sign behind it or a currency beside it, which a stream does not read; let the source write %s, then %s accepts all values",
			quoted([]byte(f.texts[changed])), quoted([]byte(rewritten.texts[changed])), number.numberOptions()))
	}
}

// withoutCurrency removes currency symbols, such as €.
func withoutCurrency(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Sc, r) {
			return -1
		}
		return r
	}, text))
}

// leadingSign rewrites 1.00-, (1.00), - 1.00 and −1.00 as -1.00. It returns any other text unchanged.
func leadingSign(text string) string {
	t := strings.Replace(strings.TrimSpace(text), "−", "-", 1)
	switch {
	case strings.HasPrefix(t, "(") && strings.HasSuffix(t, ")"):
		return "-" + strings.TrimSpace(t[1:len(t)-1])
	case strings.HasSuffix(t, "-"), strings.HasSuffix(t, "+"):
		return t[len(t)-1:] + strings.TrimSpace(t[:len(t)-1])
	case strings.HasPrefix(t, "-"), strings.HasPrefix(t, "+"):
		return t[:1] + strings.TrimSpace(t[1:])
	}
	return text
}
