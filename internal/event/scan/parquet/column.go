// Columns of Parquet files: many types as a few kinds.

package parquet

import (
	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Kind is the kind of a column's values.
type Kind byte

// Kinds of values.
const (
	Nested  Kind = iota // inside a list, map or struct; cannot be read
	Text                // bytes that should be UTF-8
	JSON                // such bytes that should be JSON
	Bool                //
	Integer             //
	Decimal             //
	Date                //
	Time                // an instant or a local time
	Float               // can only be printed
	Other               // can only be printed
)

// Column describes a leaf column.
type Column struct {
	Name      string // its path in the file
	Physical  string // its types, as errors name them
	Logical   string // empty if there is none
	Kind      Kind
	Unsigned  bool // of an integer
	Bits      int  // of an integer
	Precision int  // of a decimal
	Scale     int  // of a decimal
	UTC       bool // of a time: an instant, not a local time
	second    int64
	leaf      *schema.Column
}

// maxScale bounds the scale of a decimal.
const maxScale = 76

func newColumn(leaf *schema.Column) Column {
	c := Column{Name: leaf.Path(), Physical: leaf.PhysicalType().String(), Kind: Other, leaf: leaf}
	if leaf.LogicalType().IsValid() && !leaf.LogicalType().IsNone() {
		c.Logical = leaf.LogicalType().String()
	}
	switch {
	case len(leaf.ColumnPath()) != 1 || leaf.MaxRepetitionLevel() > 0:
		c.Kind = Nested
	case leaf.PhysicalType() == format.Types.Float || leaf.PhysicalType() == format.Types.Double:
		c.Kind = Float
	default:
		c.setKind()
	}
	return c
}

// Type names the type in errors.
func (c *Column) Type() string {
	name := c.Physical
	if c.Logical != "" {
		name += " " + c.Logical
	}
	if c.Kind == Nested {
		name = "a nested " + name
	}
	return name
}

func (c *Column) setKind() {
	physical := c.leaf.PhysicalType()
	whole := physical == format.Types.Int32 || physical == format.Types.Int64
	switch t := c.leaf.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType:
		c.kindOf(Text, physical == format.Types.ByteArray)
	case schema.JSONLogicalType:
		c.kindOf(JSON, physical == format.Types.ByteArray)
	case schema.IntLogicalType:
		c.Unsigned, c.Bits = !t.IsSigned(), int(t.BitWidth())
		c.kindOf(Integer, whole)
	case schema.DecimalLogicalType:
		c.Precision, c.Scale = int(t.Precision()), int(t.Scale())
		bytes := physical == format.Types.ByteArray || physical == format.Types.FixedLenByteArray
		c.kindOf(Decimal, c.Scale >= 0 && c.Scale <= maxScale && (whole || bytes))
	case schema.DateLogicalType:
		c.kindOf(Date, physical == format.Types.Int32)
	case schema.TimestampLogicalType:
		c.UTC = t.IsAdjustedToUTC()
		c.second = map[schema.TimeUnitType]int64{schema.TimeUnitMillis: 1e3, schema.TimeUnitMicros: 1e6, schema.TimeUnitNanos: 1e9}[t.TimeUnit()]
		c.kindOf(Time, c.second > 0 && physical == format.Types.Int64)
	case schema.NoLogicalType, schema.UnknownLogicalType:
		c.setPhysicalKind(physical)
	}
}

// kindOf sets the kind, if the physical type is as it should be.
func (c *Column) kindOf(kind Kind, ok bool) {
	if ok {
		c.Kind = kind
	}
}

func (c *Column) setPhysicalKind(physical format.Type) {
	switch physical {
	case format.Types.Int32, format.Types.Int64:
		c.Kind, c.Bits = Integer, 8*c.size()
	case format.Types.Boolean:
		c.Kind = Bool
	case format.Types.ByteArray:
		c.Kind = Text
	case format.Types.Int96:
		c.Kind = Time
	}
}

// size returns the size of a value in bytes, or 0 if it is not fixed.
func (c *Column) size() int {
	switch t := c.leaf.PhysicalType(); t {
	case format.Types.FixedLenByteArray:
		return max(0, c.leaf.TypeLength())
	case format.Types.ByteArray, format.Types.Boolean:
		return 0
	default:
		return t.ByteSize()
	}
}

func (c *Column) optional() bool { return c.leaf.MaxDefinitionLevel() > 0 }
