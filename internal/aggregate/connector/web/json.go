// Reads answers in JSON without a detour of numbers through binary fractions (rule 2).

package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/connector"
)

// Decode reads the answer into a value. An answer that ends early is Transient, any other that does not fit is Data.
func (a *Answer) Decode(value any) error {
	err := json.Unmarshal(a.Body, value)
	if err == nil {
		return nil
	}
	if endsEarly(a.Body) {
		return a.CutOff("the answer ends within its JSON")
	}
	return a.Refuse("the answer is not the expected JSON: %s", err)
}

// endsEarly reports whether a text is the beginning of JSON.
func endsEarly(text []byte) bool {
	var value json.RawMessage
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&value)
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Number is the text of a number, which institutions write as a number or as a string.
type Number string

// UnmarshalJSON implements json.Unmarshaler. Null is an empty text.
func (n *Number) UnmarshalJSON(text []byte) error {
	var s string
	switch {
	case string(text) == "null":
	case text[0] == '"':
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		s = string(text)
	default:
		return fmt.Errorf("%s is not a number", connector.Clean(string(text), 40))
	}
	*n = Number(s)
	return nil
}

// Amount returns the number as a plain decimal, or false if it is not one.
func (n Number) Amount() (amount string, ok bool) { return connector.Amount(string(n)) }
