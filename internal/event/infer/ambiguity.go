// Doubts: numbers that can be read in two ways, and texts that are numbers but for the way their sign is written.

package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
)

// startsZero is a number below one with its decimals: a mark that groups digits never follows a zero alone.
var startsZero = regexp.MustCompile(`^[-+]?0[.,]`)

// noteMarks warns where a mark may group digits as well as begin the decimals: three digits follow it in every value.
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
		g.note(fmt.Sprintf("CHECK: %q is taken for the decimal mark, but may group digits: three digits follow it everywhere; if it groups, write %s",
			g.Decimal, other.numberOptions()))
	case ok:
		g.note(fmt.Sprintf("CHECK: %q is taken to group digits, but may be the decimal mark: three digits follow it everywhere; if it is, write %s",
			g.Group, other.numberOptions()))
	case g.Group != 0:
		g.note(fmt.Sprintf("CHECK: %q is taken to group digits", g.Group))
	}
}

// numberOptions are the type and marks of a number as the stream file declares them.
func (g *guess) numberOptions() string {
	return strings.Join(append([]string{g.typeOption()}, g.markOptions()...), ", ")
}

// noteSigns says why texts are not numbers that would be some with their signs in front.
func (g *guess) noteSigns(f *field, s *sample) {
	changed := -1
	var rewritten field
	for i, text := range f.texts {
		leading := leadingSign(text)
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
		g.note(fmt.Sprintf("CHECK: %s looks like a number, but how its sign is written is not read; let the source write %s, then %s takes all values",
			quoted([]byte(f.texts[changed])), quoted([]byte(rewritten.texts[changed])), number.numberOptions()))
	}
}

// leadingSign writes 1.00-, (1.00), - 1.00 and −1.00 as -1.00. Any other text stays as it is.
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
