// Exact amounts in text (rule 2).

package statement

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Scale is how many decimals an amount may have: ISO 20022 allows five.
const Scale = 5

// maxDigits is how many digits an amount may have before its mark; with Scale it is what the streams' columns hold.
const maxDigits = 18

// Amount reads a number with a decimal mark of '.' or ',' and returns it as a plain decimal: "1.234,50" is refused, "12," is
// "12", ".09" is "0.09". ok is false where the text is no number of at most 18 digits before and 5 behind the mark; zeros
// at the end do not count. Such a text comes back as Unread makes it.
func Amount(text string, mark byte) (decimal string, ok bool) {
	sign, rest := "", text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			sign = "-"
		}
		rest = rest[1:]
	}
	whole, fraction, _ := strings.Cut(rest, string(mark))
	if whole == "" && fraction == "" || !digits(whole) || !digits(fraction) {
		return Unread(text, mark), false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxDigits || len(strings.TrimRight(fraction, "0")) > Scale {
		return Unread(text, mark), false
	}
	if len(fraction) > Scale {
		fraction = fraction[:Scale]
	}
	if whole == "" && strings.Trim(fraction, "0") == "" {
		sign = ""
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return sign + whole, true
	}
	if tail, same := strings.CutPrefix(text, sign); same && mark == '.' {
		if tail, same = strings.CutPrefix(tail, whole); same && len(tail) == len(".")+len(fraction) {
			return text, true // as it is written: nothing is copied
		}
	}
	return sign + whole + "." + fraction, true
}

// Unread is a text that is no number where the mark is this one, so that nobody takes it for one: where intake would read
// "1.234" or "1e3" as a number, it stands in quotes. A mark of 0 is none at all.
func Unread(text string, mark byte) string {
	if text == "" || strings.Trim(text, "0123456789.+-eE") != "" || mark == '.' && !strings.ContainsAny(text, "eE") {
		return text
	}
	return "`" + text + "`"
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Negate turns a decimal that Amount has read around; any other text stays as it is.
func Negate(decimal string) string {
	if _, ok := Amount(decimal, '.'); !ok {
		return decimal
	}
	if rest, negative := strings.CutPrefix(decimal, "-"); negative {
		return rest
	}
	if strings.Trim(decimal, "0.") == "" {
		return decimal
	}
	return "-" + decimal
}

// Sum adds amounts up exactly. Its zero value is 0. It is not to be copied once it holds something.
type Sum struct {
	near int64   // at Scale: all but what does not fit
	far  big.Int // at Scale: the rest
}

// Add takes a decimal in; ok is false, and nothing is added, where it is none.
func (s *Sum) Add(decimal string) (ok bool) {
	if n, fits := nearly(decimal); fits {
		s.add(n)
		return true
	}
	text, ok := Amount(decimal, '.')
	if !ok {
		return false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", Scale-len(fraction)), 10)
	if ok {
		s.far.Add(&s.far, n)
	}
	return ok
}

// add adds a number at Scale.
func (s *Sum) add(n int64) {
	if sum := s.near + n; (sum < s.near) == (n < 0) {
		s.near = sum
		return
	}
	s.far.Add(&s.far, big.NewInt(n))
}

// Plus adds another sum.
func (s *Sum) Plus(other *Sum) {
	s.add(other.near)
	s.far.Add(&s.far, &other.far)
}

// Minus takes another sum away.
func (s *Sum) Minus(other *Sum) {
	s.far.Sub(&s.far, &other.far)
	if other.near == math.MinInt64 {
		s.far.Sub(&s.far, big.NewInt(other.near))
		return
	}
	s.add(-other.near)
}

// Sign is -1, 0 or 1.
func (s *Sum) Sign() int {
	if s.far.Sign() == 0 {
		return cmp.Compare(s.near, 0)
	}
	return s.all().Sign()
}

// String is the sum with the fewest decimals that hold it, and at least two.
func (s *Sum) String() string {
	text, negative := strings.CutPrefix(s.unscaled(), "-")
	if short := Scale + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	whole, fraction := text[:len(text)-Scale], strings.TrimRight(text[len(text)-Scale:], "0")
	if short := 2 - len(fraction); short > 0 {
		fraction += strings.Repeat("0", short)
	}
	if negative {
		whole = "-" + whole
	}
	return whole + "." + fraction
}

// unscaled is the sum as an integer at Scale.
func (s *Sum) unscaled() string {
	if s.far.Sign() == 0 {
		return strconv.FormatInt(s.near, 10)
	}
	return s.all().String()
}

func (s *Sum) all() *big.Int { return new(big.Int).Add(&s.far, big.NewInt(s.near)) }

// nearly reads a plain decimal that is short enough for a machine's integer, as most are, at Scale.
func nearly(decimal string) (n int64, fits bool) {
	const most = 18 - Scale // digits that fit with Scale more
	text, negative := strings.CutPrefix(decimal, "-")
	whole, scale, point := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9' && point:
			scale++
			n = n*10 + int64(c-'0')
		case c >= '0' && c <= '9':
			whole++
			n = n*10 + int64(c-'0')
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
		if whole > most || scale > Scale {
			return 0, false
		}
	}
	for range Scale - scale {
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, whole > 0
}
