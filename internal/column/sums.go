// Exact sums by group.

package column

import (
	"math/big"

	"bursar/internal/decimal"
)

// Sums adds up a measure by group, exactly and without bounds (rule 2).
type Sums struct {
	Scale  int
	Groups map[string]*big.Int // unscaled; the group of an ungrouped sum is ""

	group   string // the group of the previous row: rows of one group are often adjacent
	current *big.Int
	narrow  int64 // the current group's last terms, moved on before they can overflow
	terms   int
}

// NewSums returns empty sums of values with the given scale.
func NewSums(scale int) *Sums { return &Sums{Scale: scale, Groups: map[string]*big.Int{}} }

// Add adds the measure of the rows that include accepts, or of all rows if it is nil. Nulls add nothing; without by there is one group.
func (s *Sums) Add(measure, by *Vector, include func(i int) bool) {
	for i := range measure.Len() {
		if include != nil && !include(i) {
			continue
		}
		s.selectGroup(by, i)
		if !measure.IsNull(i) {
			s.addTerm(measure, i)
		}
	}
	s.flush()
}

func (s *Sums) selectGroup(by *Vector, i int) {
	var buffer [64]byte
	name := buffer[:0]
	if by != nil {
		name = by.AppendPlain(name, i)
	}
	if s.current != nil && string(name) == s.group {
		return
	}
	s.flush()
	s.group = string(name)
	s.current = s.sum(s.group)
}

func (s *Sums) sum(group string) *big.Int {
	if s.Groups[group] == nil {
		s.Groups[group] = new(big.Int)
	}
	return s.Groups[group]
}

func (s *Sums) addTerm(measure *Vector, i int) {
	if measure.Type.IsWide() && !fitsInt64(measure.Wide[i]) {
		s.current.Add(s.current, measure.Wide[i].BigInt())
		return
	}
	const safe = 1 << 59 // eight terms of this size fit an int64
	x := int64(measure.Unscaled(i).LowBits())
	if x > safe || x < -safe {
		s.current.Add(s.current, big.NewInt(x))
		return
	}
	if s.terms == 8 {
		s.flush()
	}
	s.narrow += x
	s.terms++
}

func (s *Sums) flush() {
	if s.terms > 0 {
		var x big.Int
		s.current.Add(s.current, x.SetInt64(s.narrow))
		s.narrow, s.terms = 0, 0
	}
}

// Merge adds other sums of the same scale.
func (s *Sums) Merge(other *Sums) {
	for group, sum := range other.Groups {
		s.sum(group).Add(s.sum(group), sum)
	}
}

// Sub subtracts other sums of the same scale.
func (s *Sums) Sub(other *Sums) {
	for group, sum := range other.Groups {
		s.sum(group).Sub(s.sum(group), sum)
	}
}

// Text formats the sums as decimals. A sum of more than 38 digits is an error: nothing ever wraps (rule 2).
func (s *Sums) Text() (map[string]string, error) {
	texts := make(map[string]string, len(s.Groups))
	for group, sum := range s.Groups {
		n, err := decimal.Narrow(sum)
		if err != nil {
			return nil, err
		}
		texts[group] = string(decimal.Append(nil, n, s.Scale))
	}
	return texts, nil
}
