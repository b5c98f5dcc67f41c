// Memory of rows that are read from memory.

package scan

import (
	"bytes"
	"slices"
	"testing"
)

// A block made of recycled memory equals a new one, and what Parse returned does not change.
func TestRecycledBlocks(t *testing.T) {
	t.Parallel()
	plan := one(t, "string", nil)
	texts := []string{"{\"v\":\"long enough to leave something\"}\n{\"v\":1}\n{\"v\":\"b\"}\n", "{\"v\":\"c\"}\n", "{\"v\":2}\n"}
	for round := range 3 {
		for _, text := range texts {
			owned := append(make([]byte, 0, len(text)+PaddingBytes), text...)
			got, err := plan.ParseOwned(owned, nil, 7)
			if err != nil {
				t.Fatal(err)
			}
			want := lines(t, one(t, "string", nil), text)
			if b := got[0]; !bytes.Equal(b.Columns[0].Bytes, want.Columns[0].Bytes) || len(b.Rows) != len(want.Rows) || len(b.Rejects) != len(want.Rejects) {
				t.Errorf("round %d: %q: rows %v, rejects %v", round, text, b.Rows, b.Rejects)
			}
			for i := range want.Rejects {
				if !bytes.Equal(got[0].Rejects[i].Raw, want.Rejects[i].Raw) {
					t.Errorf("round %d: reject %q, want %q", round, got[0].Rejects[i].Raw, want.Rejects[i].Raw)
				}
			}
			plan.Recycle(got[0])
		}
	}
	shared := []byte("{\"v\":\"a\"}\nwhat follows")
	before := slices.Clone(shared)
	if _, err := plan.Parse(shared[:10], nil, 1); err != nil || !bytes.Equal(shared, before) {
		t.Errorf("Parse has written behind its data: %q (%v)", shared, err)
	}
}
