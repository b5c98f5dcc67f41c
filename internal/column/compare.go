// The order of values.

package column

import (
	"bytes"
	"cmp"
)

// Compare orders value i of a and value j of b, both of the same plain type: numbers and times by value, texts by their bytes, nulls
// first.
func Compare(a *Vector, i int, b *Vector, j int) int {
	switch {
	case a.IsNull(i) || b.IsNull(j):
		return cmp.Compare(notNull(a, i), notNull(b, j))
	case a.Type.IsText():
		return bytes.Compare(a.Text(i), b.Text(j))
	case a.Type.IsWide():
		return a.Wide[i].Cmp(b.Wide[j])
	default:
		return cmp.Compare(a.Ints[i], b.Ints[j])
	}
}

func notNull(v *Vector, i int) int {
	if v.IsNull(i) {
		return 0
	}
	return 1
}
