// Rows of CSV: quoting, headers, numbers of fields.

package scan

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"
)

func csvPlan(t testing.TB, format project.CSV) *Plan {
	t.Helper()
	text := column.Type{Kind: column.String}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.CSVText, CSV: format, Columns: []project.Column{
		{Name: "id", Type: text},
		{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, From: []string{"Amount due"}},
		{Name: "note", Type: text, Optional: true},
		{Name: "more", Type: column.Type{Kind: column.JSON}, Optional: true, Absent: true},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCSVRows(t *testing.T) {
	t.Parallel()
	p := csvPlan(t, project.CSV{Header: true})
	const header = "id,x,Amount due,note\n"
	for _, c := range []struct{ row, want string }{
		{`1,y,2.5,n`, `2: "1" "2.50" "n" null; extra 1`},
		{"1,y,2.5,n\r\n", `2: "1" "2.50" "n" null; extra 1`},
		{"1,y,2.5,n\r", `2: "1" "2.50" "n" null; extra 1`},
		{`1,y,2.5,`, `2: "1" "2.50" null null; extra 1`},
		{`1,y,2.5,""`, `2: "1" "2.50" null null; extra 1`},
		{"\n\r\n1,,2.5,\"a \"\"b\"\",\r\nc\"\n\n", `4: "1" "2.50" "a \"b\",\r\nc" null; extra 1`},
		{`"""",y,2.5,5" screen`, `2: "\"" "2.50" "5\" screen" null; extra 1`},
		{`1,"y,2.5,n`, `2!: field 2: its quote is never closed`},
		{`1,"y"z,2.5,n`, `2!: field 2: something follows its closing quote`},
		{`1,"y" ,2.5,n`, `2!: field 2: something follows its closing quote`},
		{`1,y,2.5`, `2!: the row has 3 fields, and 4 are expected`},
		{`1,y,2.5,n,`, `2!: the row has 5 fields, and 4 are expected`},
		{`1,y,y,2.5,n`, `2!: the row has 5 fields, and 4 are expected`},
		{`1,y,,n`, `2!amount: a value is required, and the field is empty`},
		{`1,y,2.555,n`, `2!amount: "2.555" does not fit decimal(18,2): it has more decimals`},
		{"1,y,2.5,\xff", `2!note: "\xff" is not valid UTF-8`},
		{"1,y,2.5,\x00", `2!note: "\x00" contains a NUL character, which SQL text cannot`},
		{` 1,y, 2.5,n`, `2!amount: " 2.5" does not fit decimal(18,2): it is not a number`},
	} {
		for _, start := range []string{"", "\xef\xbb\xbf"} {
			blocks, err := p.Parse([]byte(start+header+c.row), nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := renderCSV(blocks); got != c.want {
				t.Errorf("%q\n got %s\nwant %s", c.row, got, c.want)
			}
		}
	}
}

func renderCSV(blocks []*Block) string {
	var out []string
	for _, b := range blocks {
		for _, r := range b.Rejects {
			out = append(out, fmt.Sprintf("%d!%s: %s", r.Row, r.Column, r.Reason))
		}
		if len(b.Rows) > 0 {
			out = append(out, fmt.Sprintf("%d: %s", b.Rows[0], render(&Block{Columns: b.Columns, Extra: b.Extra})))
		}
	}
	return strings.Join(out, "; ")
}

func TestCSVRetry(t *testing.T) {
	t.Parallel()
	p := csvPlan(t, project.CSV{Header: true})
	header := []byte(`more;Amount due`)
	if _, err := p.Parse([]byte("x"), header, 5); err == nil {
		t.Error("a header without id is taken")
	}
	header = []byte(`more,Amount due,id`)
	for row, want := range map[string]string{
		"\"{\"\"a\"\": [1,\n 2]}\",7,x": `5: "x" "7.00" null {"a":[1,2]}; extra 0`,
		"\"[1\",7,x":                    `5!more: malformed JSON at byte 3: a comma or the end of the array or object is expected here`,
		"1 2,7,x":                       `5!more: malformed JSON at byte 3: something follows the value`,
		"null,7,x":                      `5: "x" "7.00" null null; extra 0`,
		"\"\"\"a\nb\"\"\",7,x":          `5!more: malformed JSON at byte 3: a string contains a control character`,
	} {
		blocks, err := p.Parse([]byte(row), header, 5)
		if err != nil {
			t.Fatal(err)
		}
		if got := renderCSV(blocks); got != want {
			t.Errorf("%q\n got %s\nwant %s", row, got, want)
		}
	}
}

func TestCSVHeaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format    project.CSV
		data, err string
	}{
		{project.CSV{Header: true}, "id,note\n", `no header "Amount due" for column amount; the header is "id,note"`},
		{project.CSV{Header: true}, "id;Amount due;note\n", `; the file looks delimited by ";"`},
		{project.CSV{Header: true}, "id,Amount due,id\n", `header "id" is given twice`},
		{project.CSV{Header: true}, "x,x,id,Amount due,note\n", ""},
		{project.CSV{Header: true}, "id,Amount due\n", `no header "note" for column note; the header is "id,Amount due"; where files may lack the column, declare ` + "`absent: ok`"},
		{project.CSV{Header: true}, "id,Amount due,NOTE\n", "; did you mean `NOTE`?"},
		{project.CSV{Header: true}, " id,Amount due\n", `no header "id"`},
		{project.CSV{Header: true}, "\"id\n", "header field 1: its quote is never closed"},
		{project.CSV{Header: true}, "\n\n", "no header"},
		{project.CSV{Delimiter: '\t'}, "1\t2\tn\t{}\n", ""},
	} {
		_, err := csvPlan(t, c.format).Parse([]byte(c.data), nil, 1)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, want %s", c.data, err, c.err)
		}
	}
	blocks, err := csvPlan(t, project.CSV{Delimiter: ';'}).Parse([]byte("1;2;n;{}\n1;2;n\n"), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := renderCSV(blocks); got != `2!: the row has 3 fields, and 4 are expected; 1: "1" "2.00" "n" {}; extra 0` {
		t.Error(got)
	}
}
