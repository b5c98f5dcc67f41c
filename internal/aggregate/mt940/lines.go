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

// oldEnd ends the lines of what once went over videotex, which German banks may still send.
const oldEnd = "@@"

// hasOldEnds tells whether a file that begins with head has such lines.
func hasOldEnds(head []byte) bool { return bytes.Contains(head, []byte(oldEnd+":2")) }

// headSize is how much of a file tells how its lines end.
const headSize = 1 << 10

// lines cuts a file into lines that end in CR, LF or both, or in oldEnd.
type lines struct {
	in      *bufio.Reader
	rest    []byte // read, and not yet told
	line    []byte // the line being read
	count   int64
	afterCR bool
	old     bool // oldEnd ends lines too
	cut     bool // the last line has no end
	letters letters
}

// next is the file's next line; ok is false after the last.
func (l *lines) next() (next line, ok bool, err error) {
	l.line = l.line[:0]
	if l.count == 0 {
		head, _ := l.in.Peek(headSize) // an error is met again
		l.old = hasOldEnds(head)
	}
	for {
		if len(l.rest) == 0 {
			if err := l.fill(); errors.Is(err, io.EOF) {
				if len(l.line) == 0 {
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
		if end, size := l.end(); size > 0 {
			l.line = append(l.line, l.rest[:end]...)
			l.afterCR = l.rest[end] == '\r'
			l.rest = l.rest[end+size:]
			return l.take(), true, nil
		}
		l.line = append(l.line, l.rest...)
		l.rest = nil
		if len(l.line) > statement.MaxValue {
			return line{}, false, statement.Refuse(statement.Place{Line: l.count + 1, Column: 1},
				"a line is longer than %d bytes", statement.MaxValue)
		}
	}
}

// end finds the next end of a line in what is read, and its size; 0 where there is none.
func (l *lines) end() (at, size int) {
	if !l.old {
		if at = bytes.IndexAny(l.rest, "\r\n"); at < 0 {
			return 0, 0
		}
		return at, 1
	}
	if n := len(l.line); n > 0 && l.line[n-1] == oldEnd[0] && l.rest[0] == oldEnd[1] { // read in halves
		l.line = l.line[:n-1]
		return 0, 1
	}
	for {
		next := bytes.IndexAny(l.rest[at:], "\r\n"+oldEnd[:1])
		if next < 0 {
			return 0, 0
		}
		if at += next; l.rest[at] != oldEnd[0] {
			return at, 1
		}
		if bytes.HasPrefix(l.rest[at:], []byte(oldEnd)) {
			return at, len(oldEnd)
		}
		at++
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
	text := l.line
	if l.count == 1 {
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	text = bytes.TrimLeftFunc(text, control)
	column := len(l.line) - len(text) + 1
	text = bytes.TrimRightFunc(text, control)
	return line{l.letters.decode(text), statement.Place{Line: l.count, Column: int64(column)}}
}

// control tells control characters: SOH and ETX around messages, and what transmissions leave.
func control(r rune) bool { return r < ' ' || r == 0x7F }
