// Tests of the messages for mistakes in a project folder.

package project

import (
	"strings"
	"testing"

	"bursar/internal/project/projecttest"
)

// TestYAMLMistakes expects one error for each mistake, with its line and what to write.
func TestYAMLMistakes(t *testing.T) {
	t.Parallel()
	const taken = "is taken for a key, because a comma ends a value without quotes inside { }: write "
	for _, c := range []struct{ column, want string }{
		{"{type: decimal(18,2)}", "5: `2)` " + taken + `type: "decimal(18,2)"`},
		{"{type: decimal(18, 2), optional: true}", "5: `2)` " + taken + `type: "decimal(18,2)"`},
		{"{type: string, in: x, y, new york}", "5: `y` " + taken + "in: [x, y, new york]"},
		{`{type: int, is: round(n, 2)}`, "5: `2)` " + taken + `is: "round(n, 2)"`},
		{"{type: string, optional}", "5: key `optional` has no value: write one behind it"},
		{"{type: string, in: x, optional}", "5: key `optional` has no value; if it belongs to the value before it, write in: [x, optional]"},
		{"{type: string, in: \"x, y\"}", "5: `in` is one text with a comma in it: write in: [x, y]"},
		{"\n    type: string\n    in: x, y", "7: `in` is one text with a comma in it: write in: [x, y]"},
		{"{type:string}", "5: a space is missing after the colon: write `type: string`"},
		{"\n\ttype: string", "6: not valid YAML: a tab stands before the text: YAML is indented with spaces only, so write spaces"},
		{"\n    type: string\n  \tin: [x]", "7: not valid YAML: a tab stands before the text"},
		{"{type: string, from: @x}", "5: not valid YAML: a value cannot start with @, ` or %: put it in quotes"},
		{"{type:\tstring}", ""},
		{"{type: string, in: [\"x, y\"]}", ""},
	} {
		_, errs := Read(projecttest.Folder(t, map[string]string{"streams/s.yaml": "stream: s\nformat: jsonl\nid: _row\ncolumns:\n  a: " + c.column + "\n"}))
		if c.want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "streams/s.yaml:"+c.want) {
			t.Errorf("%s gives %v, want %s", c.column, errs, c.want)
		}
	}
	_, errs := Read(projecttest.Folder(t, map[string]string{"streams/s.yaml": "stream: s\nformat: jsonl\nid: a, b\ncolumns:\n  a: {type: int}\n  b: {type: int}\n"}))
	projecttest.WantErrors(t, errs, "streams/s.yaml:3: `id` is one text with a comma in it: write id: [a, b]")
}
