// Guesses a column's type and options from its sampled values, and warns where they can be read in two ways.

package infer

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"bursar/internal/column"
	"bursar/internal/project"
)

type guess struct {
	project.Column
	notes  []string
	unique bool   // no value occurs twice
	absent bool   // no value in the sample: written as a comment if that loses nothing
	major  string // for an amount in minor units: the name of the same amount in major units
}

func (s *sample) guess(f *field, name string) guess {
	g := guess{Column: project.Column{Name: name, From: f.path, Optional: f.count < s.rows, Decimal: '.'}}
	switch {
	case f.typed != nil && f.typed.Kind != column.String:
		g.Type = *f.typed
		g.tryEpoch(f)
	case f.count == 0:
		g.Type = column.Type{Kind: column.String}
		g.note("no value in the sample")
		g.absent = s.format == project.JSONL
	case f.others > 0 || f.bools > 0 && f.bools < f.count:
		g.Type = column.Type{Kind: column.JSON}
	case f.bools > 0:
		g.Type = column.Type{Kind: column.Bool}
	default:
		g.guessFromTexts(f, s)
	}
	if g.Type.Kind != column.JSON {
		counts := map[string]int{}
		for _, text := range f.texts {
			counts[text]++
		}
		if g.unique = len(counts) == f.count; !s.anyValue {
			g.chooseIn(f, counts)
		}
	}
	if g.Optional && f.count > 0 {
		g.note(fmt.Sprintf("no value in %s of %s rows", thousands(s.rows-f.count), thousands(s.rows)))
	}
	return g
}

func (g *guess) note(text string) { g.notes = append(g.notes, text) }

// guessFromTexts tries types from the narrowest on. Strings and numbers mixed in one JSON property become a number or json.
func (g *guess) guessFromTexts(f *field, s *sample) {
	j := newTypeChecker(f)
	mixed := f.strings > 0 && f.numbers > 0
	switch {
	case g.tryEpoch(f):
	case f.strings == 0 || mixed:
		t, ok := j.number('.', 0)
		if !ok {
			t = column.Type{Kind: column.JSON}
		}
		g.Type = t
		if g.Type.Kind == column.Decimal && g.Type.Scale > 9 {
			g.note("so many decimals hint at binary floating point: check what the source means")
		}
	case dateLike(g.Name) && (g.tryFormat(j, column.Date, "%Y%m%d") || g.tryFormat(j, column.Timestamp, "%Y%m%d%H%M%S")): // digits only
	case g.tryFormat(j, column.Bool, ""), g.number(f, j, s), g.tryTimes(j):
	default:
		g.Type = column.Type{Kind: column.String}
		g.noteNotation(f, s)
	}
}

// namesNumber matches texts that are valid numbers but look like names: a number would lose the leading zero, the sign or the exponent of
// 007, +420 or 10E3.
var (
	namesNumber = regexp.MustCompile(`^(?:-?0[0-9]|.*[eE])`)
	plusWhole   = regexp.MustCompile(`^\+[0-9]+$`)
	signedOrCut = regexp.MustCompile(`^-|[.,]`)
)

// firstNameLike returns the index of the first such text; -1 is none. A plus is that of a number if other values are negative or have decimals.
func firstNameLike(texts []string) int {
	plus := !slices.ContainsFunc(texts, signedOrCut.MatchString)
	return slices.IndexFunc(texts, func(t string) bool { return namesNumber.MatchString(t) || plus && plusWhole.MatchString(t) })
}

// marks are the notations of numbers: the decimal mark, then the group mark.
var marks = [][2]byte{{'.', 0}, {'.', ','}, {',', 0}, {',', '.'}, {',', ' '}, {'.', ' '}, {'.', '\''}}

func (g *guess) number(f *field, j *typeChecker, s *sample) bool {
	if j.text {
		return false
	}
	if i := firstNameLike(f.texts); i >= 0 {
		if t, ok := j.number('.', 0); ok {
			g.note(fmt.Sprintf("%s would not keep its notation as %s", quoted(f.texts[i]), t))
		}
		return false
	}
	if !g.readNumber(j, s) {
		return false
	}
	g.noteMarks(f, j)
	return true
}

// readNumber takes the first marks with which every value is a number.
func (g *guess) readNumber(j *typeChecker, s *sample) bool {
	for _, m := range marks {
		if s.csv.Delimiter == ';' && m == marks[1] { // 1,234 is below two if a semicolon delimits
			continue
		}
		t, ok := j.number(m[0], m[1])
		if !ok {
			continue
		}
		if t.Kind == column.Decimal && t.Scale == 0 || t.Kind != column.Decimal && s.format == project.JSONL && idLike(g.Name) {
			return false // a name made of digits: too long for a number, or deliberately written as text
		}
		g.Type, g.Decimal, g.Group = t, m[0], m[1]
		return true
	}
	return false
}

// maxIn bounds the values of an `in` list, and inTimes is how often each must occur on average.
const (
	maxIn   = 12
	inTimes = 20
)

// chooseIn lists the values of a string column that has few, often repeated values.
func (g *guess) chooseIn(f *field, counts map[string]int) {
	if g.Type.Kind != column.String || len(counts) < 2 || len(counts) > maxIn || f.count < inTimes*len(counts) || idLike(g.Name) {
		return
	}
	for value, n := range counts {
		if n < inTimes/4 || value == "" || len(value) > 40 || quoted(value) != value {
			return
		}
	}
	g.In = slices.Sorted(maps.Keys(counts))
	g.note("only these were seen; any other is rejected, so add those to come, or drop `in`")
}

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
			quoted(f.texts[changed]), quoted(rewritten.texts[changed]), number.numberOptions()))
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
