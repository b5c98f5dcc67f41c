// Formats artifacts for people: columns in declared order, strings without quotes.

package main

import (
	"bytes"
	"encoding/json"
)

// field is one column of an artifact.
type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf splits a JSON object into its properties, in order.
func fieldsOf(object json.RawMessage) []field {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var fields []field
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			break
		}
		fields = append(fields, field{name, value})
	}
	return fields
}

// text formats a value for one cell: without the quotes of JSON, null as noValue, and a list as its length.
func (f field) text() string {
	if list := f.list(); list != nil {
		return plural(len(list), "item", "items")
	}
	return textOf(f.value)
}

// list returns the items of a list, or nil for any other value.
func (f field) list() []json.RawMessage {
	var list []json.RawMessage
	if len(f.value) == 0 || f.value[0] != '[' || json.Unmarshal(f.value, &list) != nil {
		return nil
	}
	return list
}

func textOf(value json.RawMessage) string {
	var s string
	switch {
	case string(value) == "null":
		return noValue
	case json.Unmarshal(value, &s) == nil:
		return s
	}
	return string(value)
}

// keyTexts returns the values of a key with width columns as text.
func keyTexts(key json.RawMessage, width int) []string {
	var values []json.RawMessage
	if width == 1 || json.Unmarshal(key, &values) != nil {
		return []string{textOf(key)}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = textOf(v)
	}
	return texts
}
