// What digests cost, and that equal rows have equal ones however the schema has grown.

package ids

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"bursar/internal/column"
	"bursar/internal/event/identity"
	"bursar/internal/project"
)

func testKey(tb testing.TB) *identity.Key {
	tb.Helper()
	file, err := identity.Open(identity.InFile(filepath.Join(tb.TempDir(), "identity.key")), false)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := file.Key()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

var textType = column.Type{Kind: column.String}

// payments are rows of a stream with an id of 32 bytes and contents of about 100 more.
func payments(rows int) (*project.Stream, []column.Vector) {
	s := &project.Stream{Name: "payments", ID: []string{"event_id"}}
	var columns []column.Vector
	for _, c := range []struct {
		name string
		t    column.Type
		size int
	}{
		{"event_id", textType, 32},
		{"order_id", textType, 32},
		{"type", textType, 8},
		{"amount", column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, 0},
		{"currency", textType, 3},
		{"ts", column.Type{Kind: column.Timestamp}, 0},
		{"channel", textType, 3},
		{"note", textType, 30},
	} {
		s.Columns = append(s.Columns, project.Column{Name: c.name, Type: c.t})
		v := column.NewVector(c.t, rows)
		for r := range rows {
			if c.size == 0 {
				v.AppendInt(int64(r)*7919 + 1)
				continue
			}
			v.AppendText(fmt.Appendf(nil, "%0*d", c.size, r)[:c.size])
		}
		columns = append(columns, v)
	}
	return s, columns
}

func BenchmarkDigest(b *testing.B) {
	const rows = 1000
	s, columns := payments(rows)
	for name, key := range map[string]*identity.Key{"keyed": testKey(b), "plain": nil} {
		b.Run(name, func(b *testing.B) {
			d := NewDigester(s, nil, key)
			for b.Loop() {
				d.Digest(columns, rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

// TestDigestsAreStable digests the same rows under schemas in which the id column has another position, after new
// columns without values.
func TestDigestsAreStable(t *testing.T) {
	t.Parallel()
	const rows = 20
	s, columns := payments(rows)
	key := testKey(t)
	p := NewDigester(s, nil, key).Digest(columns, rows)
	grown := *s
	empty := column.NewVector(textType, rows)
	for range rows {
		empty.AppendNull()
	}
	grown.Columns = slices.Concat([]project.Column{{Name: "new", Type: textType, Optional: true}}, s.Columns)
	q := NewDigester(&grown, nil, key).Digest(slices.Concat([]column.Vector{empty}, columns), rows)
	if !slices.Equal(p.IDs, q.IDs) || !slices.Equal(p.Contents, q.Contents) || !slices.Equal(p.Digests, q.Digests) {
		t.Error("a new column without values changes digests")
	}
	plain := NewDigester(s, nil, nil).Digest(columns, rows)
	if !slices.Equal(plain.Digests, p.Digests) {
		t.Error("the batch's digest depends on the key")
	}
	if slices.Contains(p.IDs, plain.IDs[0]) || slices.Contains(p.Contents, plain.Contents[0]) {
		t.Error("the index's digests do not depend on the key")
	}
}
