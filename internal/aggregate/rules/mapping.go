// Describes the CSV mapping of an institution by what determines the content of entries.

package rules

import (
	"encoding/json"
	"slices"
	"strings"

	"bursar/internal/project"
)

// mappingText is the part of the mapping that determines the content of entries, by the keys that declare it, as JSON.
// How files are split into rows, and what is only compared (balances, control rows), is left out.
func mappingText(i *project.Institution) string {
	if i == nil {
		return "{}"
	}
	m, c := i.CSV, &i.CSV.Columns
	keys := map[string][]string{
		"account": {m.Account.Column, m.Account.Literal}, "currency": {m.Currency.Column, m.Currency.Literal}, "decimal": {string(rune(m.Decimal))},
		"columns.booked": {c.Booked}, "columns.value": {c.Value}, "columns.amount": {c.Amount}, "columns.credit": {c.Credit}, "columns.debit": {c.Debit},
		"columns.own": {c.Own}, "columns.code": {c.Code}, "columns.party": {c.Party}, "columns.peer": {c.Peer}, "columns.text": c.Text,
		"columns.reference": {c.Reference}, "columns.sign": {c.Sign.Column}, "columns.status": {c.Status.Column},
		"date": {}, "negative": formsOf(m.Notation.Negative), "positive": formsOf(m.Notation.Positive),
		"columns.sign.credit": c.Sign.Credit, "columns.sign.debit": c.Sign.Debit,
		"columns.status.booked": c.Status.Booked, "columns.status.pending": c.Status.Pending, "columns.status.ignored": c.Status.Ignored,
	}
	for _, layout := range m.Dates {
		keys["date"] = append(keys["date"], layout.Format)
	}
	text, _ := json.Marshal(keys) // plain texts always marshal
	return string(text)
}

// DeclaresTotals reports whether the institution whose CSV files have a format declares balances or control rows, which prove what they list.
func (r *Set) DeclaresTotals(format string) bool {
	i := r.CSVInstitution(format)
	return i != nil && (i.CSV.Columns.Balance != "" || i.CSV.Control != nil)
}

func formsOf(forms []project.Form) (texts []string) {
	for _, f := range forms {
		texts = append(texts, f.Before+"\x00"+f.After)
	}
	return texts
}

// lists are the keys to which values may be added: more rows are read then, and earlier rows do not change.
var lists = []string{
	"date", "negative", "positive", "columns.sign.credit", "columns.sign.debit", "columns.status.booked", "columns.status.pending", "columns.status.ignored",
}

// remapped is the first key, by name, that changes how earlier rows are read; empty if there is none.
func remapped(was, now string) string {
	var before, after map[string][]string
	if json.Unmarshal([]byte(was), &before) != nil || json.Unmarshal([]byte(now), &after) != nil {
		return "columns"
	}
	changed := ""
	for key, values := range before {
		if key == "columns.reference" && (slices.Contains(values, "") || slices.Contains(after[key], "")) {
			continue // whether there is a reference is another aspect
		}
		grown := slices.Contains(lists, key) && len(values) > 0 && len(values) <= len(after[key])
		if key == "date" && grown {
			grown = slices.Equal(values, after[key][:len(values)])
		}
		for _, value := range values {
			grown = grown && slices.Contains(after[key], value)
		}
		if !grown && !slices.Equal(values, after[key]) && (changed == "" || key < changed) {
			changed = key
		}
	}
	return changed
}

// declaredAs formats how a key of a mapping is declared, for a message.
func declaredAs(mapping, key string) string {
	var keys map[string][]string
	_ = json.Unmarshal([]byte(mapping), &keys) // an unreadable mapping is shown as nothing
	values := slices.DeleteFunc(slices.Clone(keys[key]), func(value string) bool { return value == "" })
	for i := range values {
		values[i] = "`" + strings.ReplaceAll(values[i], "\x00", "*") + "`"
	}
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(values, ", ")
}
