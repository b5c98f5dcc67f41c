// Lines, however they end.

package mt940

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/statement"
)

// line is a line without its end, as UTF-8, and where it starts.
type line struct {
	text string
	at   statement.Place
}

// lines cuts a file into lines that end in CR, LF or both.
type lines struct {
	in      *bufio.Reader
	rest    []byte // read, and not yet told
	held    []byte // the line being read
	count   int64
	afterCR bool
	cut     bool // the last line has no end
	letters letters
}

// next is the file's next line; ok is false after the last.
func (l *lines) next() (next line, ok bool, err error) {
	l.held = l.held[:0]
	for {
		if len(l.rest) == 0 {
			if err := l.fill(); errors.Is(err, io.EOF) {
				if len(l.held) == 0 {
					return line{}, false, nil
				}
				l.cut = true
				return l.take(), true, nil
			} else if err != nil {
				return line{}, false, fmt.Errorf("read statement: %w", err)
			}
		}
		if l.afterCR && l.rest[0] == '\n' {
			l.rest = l.rest[1:]
			l.afterCR = false
			continue
		}
		l.afterCR = false
		if end := bytes.IndexAny(l.rest, "\r\n"); end >= 0 {
			l.held = append(l.held, l.rest[:end]...)
			l.afterCR = l.rest[end] == '\r'
			l.rest = l.rest[end+1:]
			return l.take(), true, nil
		}
		l.held = append(l.held, l.rest...)
		l.rest = nil
		if len(l.held) > statement.MaxValue {
			return line{}, false, statement.Refuse(statement.Place{Line: l.count + 1, Column: 1},
				"a line is longer than %d bytes", statement.MaxValue)
		}
	}
}

// fill reads on, to the next line feed or as far as the buffer holds.
func (l *lines) fill() (err error) {
	l.rest, err = l.in.ReadSlice('\n')
	if len(l.rest) > 0 && (errors.Is(err, bufio.ErrBufferFull) || errors.Is(err, io.EOF)) {
		return nil // the end of the file is met again
	}
	return err
}

// take makes a line of what is held, without the control characters and marks around it.
func (l *lines) take() line {
	l.count++
	text := l.held
	if l.count == 1 {
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	text = bytes.TrimLeftFunc(text, control)
	column := len(l.held) - len(text) + 1
	text = bytes.TrimRightFunc(text, control)
	return line{l.letters.decode(text), statement.Place{Line: l.count, Column: int64(column)}}
}

// control tells control characters: SOH and ETX around messages, and what transmissions leave.
func control(r rune) bool { return r < ' ' || r == 0x7F }
