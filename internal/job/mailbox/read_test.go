// Fuzzing of the reader of answers.

package mailbox

import (
	"encoding/json"
	"testing"
)

// FuzzRead compares the reader with a naive one, over values without types.
func FuzzRead(f *testing.F) {
	for _, answer := range []string{
		`{"total":2,"messages":[{"ID":"x","MessageID":"<a@b>"},{"ID":"y","MessageID":"c"}]}`, `{"messages":[]}`, `{"found":true}`, `{"found":false}`,
		`{"messages":null}`, `[]`, `null`, `{"messages":[{}]}`, `{"messages":[null]}`, `{"found":true} x`, "\xff", `{"messages":{"MessageID":"a@b"}}`,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		found, err := read(body, "a@b")
		if err != nil {
			if found {
				t.Error("found, with an error")
			}
			return
		}
		var naive map[string]any
		if json.Unmarshal(body, &naive) != nil {
			t.Fatal("an answer that is not a JSON object is accepted")
		}
		if found && !mentions(naive) {
			t.Errorf("found in %q, which names neither the message nor true", body)
		}
	})
}

// mentions reports whether a value contains true or the Message-ID somewhere.
func mentions(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case string:
		return v == "a@b" || v == "<a@b>" || v == "<a@b" || v == "a@b>"
	case []any:
		for _, each := range v {
			if mentions(each) {
				return true
			}
		}
	case map[string]any:
		for _, each := range v {
			if mentions(each) {
				return true
			}
		}
	}
	return false
}
