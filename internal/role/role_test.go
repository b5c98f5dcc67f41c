// Tests of how lists of roles are read.

package role

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list string
		want []Role // nil if it is refused
	}{
		{"reconcile", []Role{Reconcile}},
		{"index, reconcile,index", []Role{Index, Reconcile}},
		{Join(All()), All()},
		{"", nil},
		{"reconcile,", nil},
		{"Reconcile", nil},
		{"reconciles", nil},
	} {
		got, err := Parse(tt.list)
		if (err == nil) != (tt.want != nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, %v; want %v", tt.list, got, err, tt.want)
		}
	}
}
