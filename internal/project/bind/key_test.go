// Keys with optional columns and expressions: their names and types, and errors with file and line.

package bind

import (
	"strings"
	"testing"

	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

// keyOf reads a pipeline over payments and bank with another key, and prints it: the name, type and hidden column of each of
// its columns, then which events of each stream have no key.
func keyOf(t *testing.T, change ...string) (printed string, errs []doc.Error) {
	t.Helper()
	p, errs := project.Read(projecttest.Folder(t, bothFiles(change...)))
	if len(errs) == 0 {
		errs = Check(t.Context(), p, fakeBinder{})
	}
	if len(errs) > 0 {
		return "", errs
	}
	e := p.Events(p.Pipelines[0])
	if _, errs := Pipeline(t.Context(), p.Pipelines[0], e, fakeBinder{}); len(errs) > 0 {
		return "", errs
	}
	var parts []string
	for _, k := range e.Key {
		parts = append(parts, k.Name+" "+k.Type.String()+" in "+k.Event)
	}
	for _, s := range e.Streams {
		parts = append(parts, s.Name+": "+strings.ReplaceAll(e.Unkeyed(s.Name), "\n", ""))
	}
	return strings.Join(parts, "; "), nil
}

func TestKeys(t *testing.T) {
	t.Parallel()
	const pipeline, old = "pipelines/both.yaml", "key: {payments: order_id, bank: reference}"
	for _, c := range []struct{ key, want string }{
		{old, "order_id string in __key_0; bank: ; payments: "},
		{"key: currency", "currency string in currency; bank: ; payments: "},
		{"key: {payments: note, bank: reference}", `note string in __key_0; bank: ; payments: "note" IS NULL`},
		{`key: {payments: "coalesce(note, order_id)", bank: reference}`, "reference string in __key_0; bank: ; payments: (coalesce(note, order_id)) IS NULL"},
		{`key: {payments: order_id, bank: "coalesce(reference, currency)"}`, "order_id string in __key_0; bank: (coalesce(reference, currency)) IS NULL; payments: "},
		{
			`key: {payments: [{day: "occurred_at::date"}, currency], bank: [booked, currency]}`,
			"day date in __key_0; currency string in __key_1; bank: ; payments: (occurred_at::date) IS NULL",
		},
		{`key: {payments: [{ref: note}], bank: [reference]}`, `ref string in __key_0; bank: ; payments: "note" IS NULL`},
		{`key: {payments: "big + 1", bank: "amount * 1"}`, ":3: the key has an expression and no stream's column gives it a name: write [{name: \"big + 1\"}]"},
		{`key: {payments: [{sum: "big + 1"}], bank: "amount * 1"}`, "sum decimal(38,3) in __key_0; bank: (amount * 1) IS NULL; payments: (big + 1) IS NULL"},
		{
			`key: [{cur: "coalesce(currency, currency)"}, amount]`,
			"cur string in __key_0; amount decimal(19,3) in __key_1; bank: (coalesce(currency, currency)) IS NULL; payments: (coalesce(currency, currency)) IS NULL",
		},
		{`key: [currency, "amount * 1"]`, ":3: the key has an expression and no stream's column gives it a name"},
		{`key: {payments: "order_id::int", bank: reference}`, ":3: key column `reference` must have one type: `reference` gives string, and in the streams named before it is int"},
		{`key: {payments: "nosuch || 'x'", bank: reference}`, ":3: key expression `nosuch || 'x'` does not bind: column"},
		{`key: {payments: "raw::json", bank: reference}`, ":3: key expression `raw::json` gives json: a key is string"},
		{`key: {payments: "CASE WHEN type = 'paiment' THEN note END", bank: reference}`, ":3: `key` compares `type` with 'paiment', which it never is"},
		{`key: {payments: [{a: order_id}], bank: [{b: reference}]}`, ":3: one column of the key is named `a` and `b`"},
		{`key: [{a: "coalesce(currency, currency)"}, {a: amount}]`, ":3: two columns of the key are named `a`"},
		{`key: [{n: "coalesce(currency, currency)"}]`, ":5: artifact column `n` is a key column already"},
		{`key: [{A: "coalesce(currency, currency)"}]`, ":3: `A` is not a valid name"},
		{`key: [{a: currency, b: amount}]`, ":3: an element of the key is a column, an SQL expression, or one name with one"},
		{`key: [{a: ""}]`, ":3: `a` is empty"},
		{`key: [{a: currency}, currency]`, ":3: `key` lists `currency` twice"},
		{`key: {day: "occurred_at::date"}`, ":3: `key` is a mapping of something other than the streams of `from`: a mapping says what the key is in each stream; name an expression as in [{day: \"…\"}]"},
	} {
		t.Run(c.key, func(t *testing.T) {
			t.Parallel()
			printed, errs := keyOf(t, pipeline, old, c.key)
			if line, refused := strings.CutPrefix(c.want, ":"); refused {
				projecttest.WantErrors(t, errs, pipeline+":"+line)
				return
			}
			projecttest.WantErrors(t, errs)
			if printed != c.want {
				t.Errorf("got\n%s, want\n%s", printed, c.want)
			}
		})
	}
}
