// Lines of standard output, and the messages that they contain.

package singer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

// maxLine bounds a line, in bytes.
const maxLine = connector.MaxBody

// lines splits what is added into lines, and passes on those that are not blank.
type lines struct {
	handle func(number int, line []byte) error // must not keep the line
	rest   []byte
	number int
}

func (l *lines) add(p []byte) error {
	for {
		line, after, isWhole := bytes.Cut(p, []byte{'\n'})
		if len(l.rest)+len(line) > maxLine {
			return badf("line %d of its standard output has more than %d bytes", l.number+1, maxLine)
		}
		if !isWhole {
			l.rest = append(l.rest, line...)
			return nil
		}
		if len(l.rest) > 0 {
			line = append(l.rest, line...)
		}
		l.rest = nil
		if err := l.pass(line); err != nil {
			return err
		}
		p = after
	}
}

func (l *lines) pass(line []byte) error {
	l.number++
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	return l.handle(l.number, line)
}

// end passes on a last line that has no line break. One that is cut is no message: the program was not able to print the rest.
func (l *lines) end() error {
	rest := l.rest
	l.rest = nil
	if _, err := fieldsOf(bytes.TrimSpace(rest)); err != nil && len(bytes.TrimSpace(rest)) > 0 {
		return failure.Wrap(failure.Transient, fmt.Errorf("its standard output ends within line %d", l.number+1))
	}
	return l.pass(rest)
}

var errNotMessage = errors.New("is not a message of the Singer format, which is a JSON object; programs print anything else to their standard error")

// fieldsOf returns the fields of a JSON object with their text as it is. The last of equal names counts. NaN and Infinity, which are not JSON but
// which programs in Python print, are taken for numbers: whoever receives a record rejects it alone, and not all that follows it.
func fieldsOf(line []byte) (fields map[string]json.RawMessage, err error) {
	if json.Unmarshal(line, &fields) == nil && fields != nil {
		return fields, nil
	}
	if !bytes.Contains(line, notNumbers[0]) && !bytes.Contains(line, notNumbers[2]) {
		return nil, errNotMessage
	}
	valid := withoutNaN(line)
	if !json.Valid(valid) || valid[0] != '{' {
		return nil, errNotMessage
	}
	return fieldsLike(valid, line)
}

// fieldsLike returns the fields of a valid JSON object with the text that another line has in their place.
func fieldsLike(valid, line []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(valid))
	if _, err := d.Token(); err != nil {
		return nil, errNotMessage
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return nil, errNotMessage
		}
		end := int(d.InputOffset())
		fields[fmt.Sprint(name)] = line[end-len(value) : end]
	}
	return fields, nil
}

var notNumbers = [][]byte{[]byte("NaN"), []byte("-Infinity"), []byte("Infinity")}

// withoutNaN returns a line of the same length that has numbers in place of NaN and Infinity.
func withoutNaN(line []byte) []byte {
	line = bytes.Clone(line)
	isString := false
	for i := 0; i < len(line); i++ {
		switch {
		case isString && line[i] == '\\':
			i++
		case line[i] == '"':
			isString = !isString
		case !isString:
			replaceNaN(line[i:])
		}
	}
	return line
}

// replaceNaN replaces what the text begins with, if it is NaN or Infinity.
func replaceNaN(text []byte) {
	for _, word := range notNumbers {
		if bytes.HasPrefix(text, word) {
			copy(text, bytes.Repeat([]byte{' '}, len(word)))
			text[len(word)-1] = '0'
		}
	}
}
