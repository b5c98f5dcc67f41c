// Rows of JSON lines: which are accepted whole and which rejected whole.

package scan

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"
)

func nested(t testing.TB) *Plan {
	t.Helper()
	text := column.Type{Kind: column.String}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.JSONL, ID: []string{"id"}, Columns: []project.Column{
		{Name: "id", Type: text},
		{Name: "order", Type: text, From: []string{"data", "order", "id"}},
		{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, Optional: true},
		{Name: "line", Type: column.Type{Kind: column.Int}, From: []string{"data", "line"}, Optional: true},
		{Name: "all", Type: column.Type{Kind: column.JSON}, From: []string{"data", "order"}, Optional: true},
		{Name: "net", Type: column.Type{Kind: column.Int}, Is: "line + 1"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRows(t *testing.T) {
	t.Parallel()
	p := nested(t)
	var names []string
	for _, t := range p.targets {
		names = append(names, t.name)
	}
	if got := fmt.Sprint(names); got != "[id order amount line all]" {
		t.Fatal(got)
	}
	for _, c := range []struct{ line, want string }{
		{`{"id":"1","data":{"order":{"id":"o"}}}`, `"1" "o" null null {"id":"o"}; extra 0`},
		{` { "data" : { "x":1, "line" : 7 , "order" : { "y":[] , "id" : "o" } } , "id" : "1" , "amount" : 1 } ` + "\r", `"1" "o" "1.00" 7 {"y":[],"id":"o"}; extra 2`},
		{`{"a\u006dount":2,"id":"1","data":{"order":{"id":"o"}}}`, `"1" "o" "2.00" null {"id":"o"}; extra 0`},
		{`{"amount":2,"a\u006dount":2,"id":"1","data":{"order":{"id":"o"}}}`, `!amount: property "amount" is given twice`},
		{`{"id":"1","data":{"order":{"id":"o","id":"o"}}}`, `!order: property "id" is given twice`},
		{`{"id":"1","data":{"order":{"id":"o"}},"data":{}}`, `!: property "data" is given twice`},
		{`{"id":"1","x":1,"x":2,"data":{"order":{"id":"o"}}}`, `"1" "o" null null {"id":"o"}; extra 2`},
		{`{"id":"1","amount":null,"data":{"order":{"id":"o"}}}`, `"1" "o" null null {"id":"o"}; extra 0`},
		{`{"data":{"order":{"id":"o"}}}`, `!id: a value is required, and property "id" is missing`},
		{`{"id":null,"data":{"order":{"id":"o"}}}`, `!id: a value is required, and it is null`},
		{`{"id":"1"}`, `!order: a value is required, and property "data" is missing`},
		{`{"id":"1","data":{}}`, `!order: a value is required, and property "data.order" is missing`},
		{`{"id":"1","data":{"order":{}}}`, `!order: a value is required, and property "data.order.id" is missing`},
		{`{"id":"1","data":[{"order":1}]}`, `!order: a value is required, and property "data" is an array, not an object`},
		{`{"id":"1","data":{"order":"x"}}`, `!order: a value is required, and property "data.order" is a string, not an object`},
		{`{"id":"1","data":null}`, `!order: a value is required, and property "data" is null, not an object`},
		{`[]`, `!: malformed JSON at byte 1: a line must be an object`},
		{`"x"`, `!: malformed JSON at byte 1`},
		{`{"id":"1","data":{"order":{"id":"o"}}} x`, `!: malformed JSON at byte 40: something follows the object`},
		{`{"id":"1","data":{"order":{"id":"o"}}}{}`, `!: malformed JSON at byte 39`},
		{`{"id":"1","data":{"order":{"id":"o"}},}`, `!: malformed JSON at byte 39: a property name`},
		{`{"id":"1","x":tru,"data":{"order":{"id":"o"}}}`, `!: malformed JSON at byte 15: a value`},
		{`{"id":"1","x":"\u12","data":{}}`, `!: malformed JSON at byte 16`},
		{`{"id"`, `!: malformed JSON at byte 6: a colon`},
		{`{"id":`, `!: malformed JSON at byte 7`},
		{`{`, `!: malformed JSON at byte 2`},
		{`{"id":"` + strings.Repeat("x", MaxKey+1) + `"}`, `!id: "xxx`},
		{`{"` + strings.Repeat("x", MaxKey+1) + `":1}`, `!: property name "xxx`},
		{`{"id":"1","u":{"` + strings.Repeat("x", MaxKey+1) + `":1}}`, `!: property name "xxx`},
	} {
		b := lines(t, p, c.line)
		if got := render(b); got != c.want && (!strings.HasPrefix(c.want, "!") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

// render writes a block of one row: its values, or its reject.
func render(b *Block) string {
	if len(b.Rejects) > 0 {
		return "!" + b.Rejects[0].Column + ": " + b.Rejects[0].Reason
	}
	var out []string
	for i := range b.Columns {
		out = append(out, string(b.Columns[i].AppendJSON(nil, 0)))
	}
	return fmt.Sprintf("%s; extra %d", strings.Join(out, " "), b.Extra)
}

func TestDepth(t *testing.T) {
	t.Parallel()
	p := one(t, "int", nil)
	deep := func(n int) string { return `{"v":1,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	if b := lines(t, p, deep(63)); len(b.Rows) != 1 {
		t.Error(b.Rejects[0].Reason)
	}
	for _, n := range []int{64, 65, 1000, 1000000} {
		if b := lines(t, p, deep(n)); len(b.Rejects) != 1 || !strings.Contains(b.Rejects[0].Reason, "limit of 64") {
			t.Errorf("depth %d: %d rows", n, len(b.Rows))
		}
	}
	if b := lines(t, p, `{"x":`+strings.Repeat(`{"a":`, 100000)); len(b.Rejects) != 1 {
		t.Error("a nesting bomb is accepted")
	}
}

// TestRollback rejects rows at every column and looks at the rows around them.
func TestRollback(t *testing.T) {
	t.Parallel()
	good := `{"id":"%d","amount":1,"data":{"line":3,"order":{"id":"o%d"}}}` + "\n"
	var in strings.Builder
	var rows []int64
	line := int64(0)
	for i, bad := range []string{
		`{"id":"x","amount":1,"data":{"line":3,"order":{"id":5}}}`, `{"id":"x","amount":1,"data":{"line":null}}`,
		`{"id":"x","amount":1.001}`, `{"id":"x","amount":null,"data":{"order":{"id":"o"}}`, `{"id":"x"`, "", "  \r", `garbage`,
	} {
		in.WriteString(bad + "\n")
		fmt.Fprintf(&in, good, i, i)
		line += 2
		rows = append(rows, line)
	}
	b := lines(t, nested(t), in.String())
	if fmt.Sprint(b.Rows) != fmt.Sprint(rows) || len(b.Rejects) != 6 {
		t.Fatalf("rows %v, want %v; %d rejects", b.Rows, rows, len(b.Rejects))
	}
	for i := range rows {
		if got := string(b.Columns[0].Text(i)) + string(b.Columns[1].Text(i)); got != fmt.Sprintf("%do%d", i, i) {
			t.Errorf("row %d: %s", i, got)
		}
		if b.Columns[2].IsNull(i) || b.Columns[2].Ints[i] != 100 {
			t.Errorf("row %d: amount %d", i, b.Columns[2].Ints[i])
		}
	}
	if raw := string(b.Rejects[5].Raw); raw != "garbage" {
		t.Errorf("raw %q", raw)
	}
}

func TestStrangeNames(t *testing.T) {
	t.Parallel()
	text := column.Type{Kind: column.String}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.JSONL, Columns: []project.Column{{Name: "v", Type: text, From: []string{`a"\é`}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for line, ok := range map[string]bool{`{"a\"\\é":"1"}`: true, `{"a\u0022\\\u00e9":"1"}`: true, `{"a"\é":"1"}`: false} {
		if b := lines(t, p, line); (len(b.Rows) == 1) != ok {
			t.Errorf("%s: accepted %v", line, len(b.Rows) == 1)
		}
	}
}
