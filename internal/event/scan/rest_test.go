// Tests of the column of what is not declared.

package scan

import (
	"encoding/json"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"

	"github.com/apache/arrow-go/v18/parquet/schema"
)

// restOf returns the rest of each row of a text, or the reason why it is rejected.
func restOf(t *testing.T, p *Plan, text string) string {
	t.Helper()
	blocks, err := p.Parse([]byte(text), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, b := range blocks {
		v := p.restColumn(b)
		for i := range b.Rows {
			if v.IsNull(i) {
				rows = append(rows, "null")
			} else {
				rows = append(rows, string(v.Text(i)))
			}
		}
		for _, r := range b.Rejects {
			rows = append(rows, "! "+r.Column+": "+r.Reason)
		}
	}
	return strings.Join(rows, "\n")
}

func TestRestOfJSON(t *testing.T) {
	t.Parallel()
	p := loadPlan(t, project.JSONL, nil, "rest", stringColumn("id"), stringColumn("zip", "user", "address", "zip"), stringColumn("city", "user", "address", "city"),
		project.Column{Name: "whole", From: []string{"w"}, Type: column.Type{Kind: column.JSON}, Optional: true}, stringColumn("part", "w", "part"))
	for _, c := range []struct{ row, want string }{
		{`{"id":"1"}`, "null"},
		{`{}`, "null"},
		{`{"id":"1", "n" : 1.50e+2 , "t":"a b \u00e9 \/", "x":null,"l":[ 1 , {"a" : "b c"} ]}`, `{"n":1.50e+2,"t":"a b \u00e9 \/","x":null,"l":[1,{"a":"b c"}]}`},
		{`{"a":1,"user":{"address":{"zip":"1","city":"x"}},"b":2}`, `{"a":1,"b":2}`},
		{`{"user":{"address":{"zip":"1","street":"s"},"name":"n"},"a":1}`, `{"user":{"address":{"street":"s"},"name":"n"},"a":1}`},
		{`{"a":1,"user":{"name":"n"}}`, `{"a":1,"user":{"name":"n"}}`},
		{`{"user":5}`, `{"user":5}`},
		{`{"user":{"address":[1]}}`, `{"user":{"address":[1]}}`},
		{`{"user":null,"a":1}`, `{"user":null,"a":1}`},
		{`{"w":{"part":"p","other":1},"a":1}`, `{"a":1}`},
		{`{"w":5}`, "null"},
		{`{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{`{"u\u0073er":{"a":1}}`, `{"user":{"a":1}}`},
		{`{"a":"\u0000"}`, `! : malformed JSON at byte 7: \u0000 is a NUL character, which SQL text cannot hold`},
		{`{"a":{"\ud800":1}}`, "! : malformed JSON at byte 8: a surrogate is not paired"},
		{`{"a":1,}`, "! : malformed JSON at byte 8: a property name is expected here"},
		{`{"user":{"address":{"zip":1}}}`, `! zip: "1" is a number, and the type is string`},
	} {
		if got := restOf(t, p, c.row); got != c.want {
			t.Errorf("%s: %s, want %s", c.row, got, c.want)
		}
	}
	if got := restOf(t, p, "{\"a\":1}\n{\"id\":5,\"b\":2}\n{\"c\":3}\n"); got != "{\"a\":1}\n{\"c\":3}\n! id: \"5\" is a number, and the type is string" {
		t.Errorf("after a rejected row: %s", got)
	}
}

func TestRestOfCSV(t *testing.T) {
	t.Parallel()
	p := loadPlan(t, project.CSVText, nil, "rest", stringColumn("id"), project.Column{Name: "n", Type: column.Type{Kind: column.Int}})
	got := restOf(t, p, "a,id,\"b \"\"c\"\"\",n,d\n1,x,\"q\"\"é\n\",5,\n,y,,6,\n,z,\xff,7,\n")
	want := `{"a":"1","b \"c\"":"q\"é\n"}` + "\nnull\n! rest: " + `"\xff" is not valid UTF-8`
	if got != want {
		t.Errorf("the rest is %s, want %s", got, want)
	}
	if _, err := p.Parse([]byte("id,n,a,a\n"), nil, 1); err == nil || !strings.Contains(err.Error(), `header "a" is given twice, and column rest can contain it once`) {
		t.Errorf("a header twice: %v", err)
	}
}

func TestRestOfParquet(t *testing.T) {
	t.Parallel()
	p := loadPlan(t, project.Parquet, nil, "rest", stringColumn("id"))
	data := parquetFile(t, 1,
		leafOf{name: "a", values: []int64{1, 2}}, leafOf{name: "id", logical: schema.StringLogicalType{}, values: texts("x", "y")}, leafOf{name: "b c", logical: schema.StringLogicalType{}, values: texts("q\"", "\x00")},
		leafOf{name: "f", values: []float64{0.1, 2}}, leafOf{name: "t", values: []bool{true, false}})
	path := writeFile(t, "a.parquet", data)
	f, err := openFile(t, path, p, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.restColumn(b).Text(0)); len(b.Rows) != 1 || got != `{"a":1,"b c":"q\"","f":"0.1","t":true}` {
		t.Errorf("the rest is %s", got)
	}
	if len(b.Rejects) != 1 || b.Rejects[0].Column != "rest" || !strings.Contains(b.Rejects[0].Reason, "NUL") {
		t.Errorf("the rejects are %+v", b.Rejects)
	}
}

// FuzzRest compares the rest, and the columns, of a row with all its properties.
func FuzzRest(f *testing.F) {
	f.Add([]byte(`{"id":"1","user":{"name":"n","a":[1, 2]},"x":1.50}`))
	f.Add([]byte(`{"user":{"name":"n"},"id":null,"user":5}`))
	p := loadPlan(f, project.JSONL, nil, "rest", stringColumn("id"), stringColumn("name", "user", "name"))
	f.Fuzz(func(t *testing.T, row []byte) {
		if strings.ContainsAny(string(row), "\n") {
			return
		}
		blocks, err := p.Parse(row, nil, 1)
		if err != nil || len(blocks) != 1 || len(blocks[0].Rows) != 1 {
			return
		}
		v := p.restColumn(blocks[0])
		if v.IsNull(0) {
			return
		}
		var rest, whole map[string]json.RawMessage
		if err := json.Unmarshal(v.Text(0), &rest); err != nil {
			t.Fatalf("%q has the rest %q: %v", row, v.Text(0), err)
		}
		if err := json.Unmarshal(row, &whole); err != nil {
			t.Fatalf("%q: %v", row, err)
		}
		if _, there := rest["id"]; there {
			t.Fatalf("%q has the rest %q", row, v.Text(0))
		}
		for name := range whole {
			if _, there := rest[name]; !there && name != "id" && name != "user" {
				t.Fatalf("%q has the rest %q, without %q", row, v.Text(0), name)
			}
		}
	})
}
