package event

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// Definition is a column's definition as the catalog and batches remember it.
type Definition struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	In       []string `json:"in,omitempty"`
	Optional bool     `json:"optional,omitempty"`
	Is       string   `json:"is,omitempty"`
	Origin   bool     `json:"origin,omitempty"`
}

func (d Definition) String() string {
	parts := []string{"type: " + d.Type}
	if d.In != nil {
		parts = append(parts, "in: ["+strings.Join(d.In, ", ")+"]")
	}
	if d.Optional {
		parts = append(parts, "optional: true")
	}
	if d.Origin {
		parts = append(parts, "origin: true")
	}
	if d.Is != "" {
		parts = append(parts, fmt.Sprintf("is: %q", d.Is))
	}
	return d.Name + ": {" + strings.Join(parts, ", ") + "}"
}

func definitions(s *project.Stream) []Definition {
	list := make([]Definition, len(s.Columns))
	for i, c := range s.Columns {
		list[i] = Definition{Name: c.Name, Type: c.Type.String(), In: c.In, Optional: c.Optional, Is: c.Is, Origin: c.Origin}
	}
	return list
}

// checkGrowth refuses every change of a schema but growth (DESIGN §2): new optional columns, required → optional,
// wider types, more `in:` values.
func checkGrowth(s *project.Stream, old []Definition) error {
	if len(old) == 0 { // the stream has taken nothing in yet
		return nil
	}
	for _, was := range old {
		c := s.Column(was.Name)
		if c == nil {
			return growthError(s, was, "it is gone")
		}
		now := Definition{Name: c.Name, Type: c.Type.String(), In: c.In, Optional: c.Optional, Is: c.Is, Origin: c.Origin}
		switch {
		case was.Optional && !now.Optional:
			return growthError(s, was, "it became required: "+now.String())
		case was.Origin != now.Origin:
			return growthError(s, was, "events would compare otherwise: "+now.String())
		case was.Is != now.Is:
			return growthError(s, was, "it is computed otherwise: "+now.String())
		case !wider(was.Type, c.Type):
			return growthError(s, was, "its type is not wider: "+now.String())
		case now.In != nil && (was.In == nil || slices.ContainsFunc(was.In, func(v string) bool { return !slices.Contains(now.In, v) })):
			return growthError(s, was, "it allows fewer values: "+now.String())
		}
	}
	for _, c := range s.Columns {
		known := slices.ContainsFunc(old, func(d Definition) bool { return d.Name == c.Name })
		if !known && !c.Optional {
			return fmt.Errorf("stream %s: new column %s must be optional, as earlier events do not have it: a schema only grows; declare a new stream for anything else", s.Name, c.Name)
		}
	}
	return nil
}

func growthError(s *project.Stream, was Definition, what string) error {
	return fmt.Errorf("stream %s: column %s was declared as %s; now %s: a schema only grows; declare a new stream for anything else", s.Name, was.Name, was, what)
}

// wider reports whether every value of the old type is one of the new.
func wider(old string, t column.Type) bool {
	was, err := column.ParseType(old)
	if err != nil {
		return false
	}
	digits := map[column.Kind]int{column.Int: 10, column.BigInt: 19}
	switch {
	case was.Kind == t.Kind && was.Kind != column.Decimal:
		return true
	case was.Kind == column.Int && t.Kind == column.BigInt:
		return true
	case t.Kind == column.Decimal && was.Kind == column.Decimal:
		return t.Scale >= was.Scale && t.Precision-t.Scale >= was.Precision-was.Scale
	case t.Kind == column.Decimal && digits[was.Kind] > 0:
		return t.Precision-t.Scale >= digits[was.Kind]
	}
	return false
}
