// Samples Parquet: the file states its types, and texts are guessed as in other formats.

package infer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/event/scan/parquet"
	"bursar/internal/project"
)

func readParquet(in *input, path string) (_ *sample, err error) {
	if in.packed {
		plain, _, err := scan.DefaultLimits.UnpackFile("", in)
		if err != nil {
			return nil, err
		}
		path = plain.Name()
		defer func() { _ = errors.Join(plain.Close(), os.Remove(path)) }() // a leftover in the temporary folder loses no data
	}
	file, err := scan.OpenInput(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s := &sample{format: project.Parquet}
	columns, err := s.leaves(file)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return s, nil
	}
	plan, err := scan.NewPlan(&project.Stream{Name: "sample", Format: s.format, Columns: columns}, nil)
	if err != nil {
		return nil, err
	}
	blocks, whole, err := firstBlocks(file, plan)
	if err != nil {
		return nil, err
	}
	s.whole = whole
	s.collect(blocks, columns)
	// The declared stream reads the text of a sampled row again: the file's own types were checked above.
	s.check = func(plan *scan.Plan) ([]scan.Reject, error) { return reread(plan, blocks) }
	return s, nil
}

// leaves returns the columns of a file that can be declared.
func (s *sample) leaves(in *scan.Input) (columns []project.Column, err error) {
	file, err := parquet.Open(in.Reader())
	if err != nil {
		return nil, err
	}
	for i := range file.Columns {
		from := &file.Columns[i]
		t, why := leafType(from)
		if why != "" {
			s.omitted = append(s.omitted, quoted(from.Name)+": "+why)
			continue
		}
		c := textColumn(from.Name)
		c.Type = t
		columns = append(columns, c)
	}
	return columns, nil
}

// leafKinds are the types of columns whose values all have one.
var leafKinds = map[parquet.Kind]column.Kind{
	parquet.Text: column.String, parquet.JSON: column.JSON, parquet.Bool: column.Bool, parquet.Date: column.Date, parquet.Time: column.Timestamp,
}

// leafType returns the narrowest type that accepts all values of a column of the file, or why there is none.
func leafType(from *parquet.Column) (t column.Type, why string) {
	switch from.Kind {
	case parquet.Integer:
		return integer(from.Bits, !from.Unsigned), ""
	case parquet.Decimal:
		if from.Precision > 38 || from.Scale > from.Precision {
			return t, "a decimal has at most 38 digits"
		}
		return column.Type{Kind: column.Decimal, Precision: max(18, from.Precision), Scale: from.Scale}, ""
	case parquet.Float:
		return t, "the file stores it as " + from.Physical + ", which is not exact"
	case parquet.Nested:
		return t, "it is nested"
	}
	if t.Kind = leafKinds[from.Kind]; t.Kind == 0 {
		why = "there is no type for " + cmp.Or(from.Logical, from.Physical)
	}
	return t, why
}

func integer(bits int, signed bool) column.Type {
	switch {
	case bits < 32 || bits == 32 && signed:
		return column.Type{Kind: column.Int}
	case bits < 64 || signed:
		return column.Type{Kind: column.BigInt}
	default:
		return column.Type{Kind: column.Decimal, Precision: 20}
	}
}

// firstBlocks reads rows until there are enough.
func firstBlocks(file *scan.Input, plan *scan.Plan) (blocks []*scan.Block, whole bool, err error) {
	in, err := file.Scan(plan, scan.Options{Workers: 1})
	if err != nil {
		return nil, false, err
	}
	defer in.Close()
	for rows := 0; rows < maxRows; {
		b, err := in.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return blocks, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		blocks = append(blocks, b)
		rows += len(b.Rows) + len(b.Rejects)
	}
	return blocks, false, nil
}

// reread scans rows that another plan accepted, and returns the rejected ones.
func reread(plan *scan.Plan, blocks []*scan.Block) (rejects []scan.Reject, err error) {
	for _, b := range blocks {
		rejects = append(rejects, b.Rejects...)
		for i := range b.Rows {
			again, err := plan.Parse(b.Raw(i), nil, b.Rows[i])
			if err != nil {
				return nil, err
			}
			for _, a := range again {
				rejects = append(rejects, a.Rejects...)
			}
		}
	}
	return rejects, nil
}
