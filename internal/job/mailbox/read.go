// The answers of a mailbox.

package mailbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// document is an answer in one of its forms.
type document struct {
	Messages *[]message `json:"messages"`
	Found    *bool      `json:"found"`
	Total    int64      `json:"total"` // of the mailbox
}

type message struct {
	ID        string  `json:"ID"`
	MessageID *string `json:"MessageID"`
}

// id returns the Message-ID without angle brackets.
func (m *message) id() (string, error) {
	if m.MessageID == nil {
		return "", errors.New("a message of the answer has no MessageID")
	}
	return strings.TrimSuffix(strings.TrimPrefix(*m.MessageID, "<"), ">"), nil
}

// parse reads one JSON object and refuses anything after it.
func parse(body []byte) (*document, error) {
	reader := json.NewDecoder(bytes.NewReader(body))
	var d *document
	if err := reader.Decode(&d); err != nil {
		return nil, fmt.Errorf("the answer is not JSON of a known form: %w", err)
	}
	if d == nil {
		return nil, errors.New("the answer is null")
	}
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the answer is more than one JSON value")
	}
	return d, nil
}

// read reports whether an answer says that the message is in the mailbox.
func read(body []byte, messageID string) (bool, error) {
	d, err := parse(body)
	switch {
	case err != nil:
		return false, err
	case d.Messages == nil && d.Found == nil:
		return false, errors.New(`the answer has neither "messages" nor "found"`)
	case d.Messages == nil:
		return *d.Found, nil
	}
	found := false
	for i := range *d.Messages {
		id, err := (*d.Messages)[i].id()
		if err != nil {
			return false, err
		}
		found = found || id == messageID
	}
	return found, nil
}
