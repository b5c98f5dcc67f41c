// Samples Parquet: the file states its types, and texts are guessed as in other formats.

package infer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

func readParquet(in *input, path string) (_ *sample, err error) {
	if in.packed {
		plain, err := unpackWhole(in, scan.DefaultLimits)
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(plain) }() // a leftover in the temporary folder loses no data
		path = plain
	}
	s := &sample{format: project.Parquet}
	columns, err := s.leaves(path)
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
	blocks, whole, err := firstBlocks(path, plan)
	if err != nil {
		return nil, err
	}
	s.whole = whole
	s.collect(blocks, columns)
	// The declared stream reads the text of a sampled row again: the file's own types were checked above.
	s.check = func(plan *scan.Plan) ([]scan.Reject, error) { return reread(plan, blocks) }
	return s, nil
}

// unpackWhole decompresses a file, since its reader needs random access.
func unpackWhole(in *input, limits scan.Limits) (path string, err error) {
	f, err := os.CreateTemp("", "bursar-parquet-*")
	if err != nil {
		return "", fmt.Errorf("unpack: %w", err)
	}
	_, err = limits.Unpack(f, in)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("unpack: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// leaves returns the columns of a file that can be declared.
func (s *sample) leaves(path string) (columns []project.Column, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer func() { // the library trusts the file's content
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	r, err := file.NewParquetReader(f)
	if err != nil {
		return nil, err
	}
	root := r.MetaData().Schema
	for i := range root.NumColumns() {
		leaf := root.Column(i)
		t, why := leafType(leaf)
		if why != "" {
			s.omitted = append(s.omitted, quoted([]byte(leaf.Path()))+": "+why)
			continue
		}
		c := textColumn(leaf.Path())
		c.Type = t
		columns = append(columns, c)
	}
	return columns, nil
}

// leafType returns the narrowest type that accepts all values of a leaf column, or why there is none.
func leafType(leaf *schema.Column) (t column.Type, why string) {
	if leaf.MaxRepetitionLevel() > 0 || len(leaf.Path()) != len(leaf.Name()) {
		return t, "it is nested"
	}
	switch l := leaf.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType:
		return column.Type{Kind: column.String}, ""
	case schema.JSONLogicalType:
		return column.Type{Kind: column.JSON}, ""
	case schema.DateLogicalType:
		return column.Type{Kind: column.Date}, ""
	case schema.TimestampLogicalType:
		return column.Type{Kind: column.Timestamp}, ""
	case schema.DecimalLogicalType:
		if l.Precision() > 38 || l.Scale() < 0 || l.Scale() > l.Precision() {
			return t, "a decimal has at most 38 digits"
		}
		return column.Type{Kind: column.Decimal, Precision: max(18, int(l.Precision())), Scale: int(l.Scale())}, ""
	case schema.IntLogicalType:
		return integer(int(l.BitWidth()), l.IsSigned()), ""
	case schema.NoLogicalType, schema.UnknownLogicalType:
		return physicalType(leaf.PhysicalType())
	default:
		return t, "there is no type for " + l.String()
	}
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

func physicalType(p parquet.Type) (t column.Type, why string) {
	switch p {
	case parquet.Types.Boolean:
		return column.Type{Kind: column.Bool}, ""
	case parquet.Types.Int32:
		return integer(32, true), ""
	case parquet.Types.Int64:
		return integer(64, true), ""
	case parquet.Types.Int96:
		return column.Type{Kind: column.Timestamp}, ""
	case parquet.Types.ByteArray:
		return column.Type{Kind: column.String}, ""
	case parquet.Types.Float, parquet.Types.Double:
		return t, "the file stores it as " + p.String() + ", which is not exact"
	default:
		return t, "there is no type for " + p.String()
	}
}

// firstBlocks reads rows until there are enough.
func firstBlocks(path string, plan *scan.Plan) (blocks []*scan.Block, whole bool, err error) {
	in, err := scan.Open(path, plan, scan.Options{Workers: 1})
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
