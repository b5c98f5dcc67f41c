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

// lineReader cuts a file into lines that end in CR, LF or both, or in oldEnd.
type lineReader struct {
	in      *bufio.Reader
	unread  []byte // read, and not yet told
	line    []byte // the line being read
	count   int64
	afterCR bool
	oldEnds bool // oldEnd ends lines too
	unended bool // the last line has no end
	decoder lineDecoder
}

// next is the file's next line; ok is false after the last.
func (l *lineReader) next() (next line, ok bool, err error) {
	l.line = l.line[:0]
	if l.count == 0 {
		head, _ := l.in.Peek(headSize) // an error is met again
		l.oldEnds = hasOldEnds(head)
	}
	for {
		if len(l.unread) == 0 {
			if err := l.fill(); errors.Is(err, io.EOF) {
				if len(l.line) == 0 {
					return line{}, false, nil
				}
				l.unended = true
				return l.finishLine(), true, nil
			} else if err != nil {
				return line{}, false, fmt.Errorf("read statement: %w", err)
			}
		}
		if l.afterCR && l.unread[0] == '\n' {
			l.unread = l.unread[1:]
			l.afterCR = false
			continue
		}
		l.afterCR = false
		if end, size := l.findEnd(); size > 0 {
			l.line = append(l.line, l.unread[:end]...)
			l.afterCR = l.unread[end] == '\r'
			l.unread = l.unread[end+size:]
			return l.finishLine(), true, nil
		}
		l.line = append(l.line, l.unread...)
		l.unread = nil
		if len(l.line) > statement.MaxValue {
			return line{}, false, statement.Refuse(statement.Place{Line: l.count + 1, Column: 1},
				"a line is longer than %d bytes", statement.MaxValue)
		}
	}
}

// findEnd finds the next end of a line in what is read, and its size; 0 where there is none.
func (l *lineReader) findEnd() (at, size int) {
	if !l.oldEnds {
		if at = bytes.IndexAny(l.unread, "\r\n"); at < 0 {
			return 0, 0
		}
		return at, 1
	}
	if n := len(l.line); n > 0 && l.line[n-1] == oldEnd[0] && l.unread[0] == oldEnd[1] { // read in halves
		l.line = l.line[:n-1]
		return 0, 1
	}
	for {
		next := bytes.IndexAny(l.unread[at:], "\r\n"+oldEnd[:1])
		if next < 0 {
			return 0, 0
		}
		if at += next; l.unread[at] != oldEnd[0] {
			return at, 1
		}
		if bytes.HasPrefix(l.unread[at:], []byte(oldEnd)) {
			return at, len(oldEnd)
		}
		at++
	}
}

// fill reads on, to the next line feed or as far as the buffer holds.
func (l *lineReader) fill() (err error) {
	l.unread, err = l.in.ReadSlice('\n')
	if len(l.unread) > 0 && (errors.Is(err, bufio.ErrBufferFull) || errors.Is(err, io.EOF)) {
		return nil // the end of the file is met again
	}
	return err
}

// finishLine makes a line of what is held, without the control characters and marks around it.
func (l *lineReader) finishLine() line {
	l.count++
	text := l.line
	if l.count == 1 {
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	text = bytes.TrimLeftFunc(text, isControl)
	column := len(l.line) - len(text) + 1
	text = bytes.TrimRightFunc(text, isControl)
	return line{l.decoder.decode(text), statement.Place{Line: l.count, Column: int64(column)}}
}

// isControl tells control characters: SOH and ETX around messages, and what transmissions leave.
func isControl(r rune) bool { return r < ' ' || r == 0x7F }
