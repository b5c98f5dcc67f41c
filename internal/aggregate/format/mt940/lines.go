// Splits a file into lines, whatever ends them.

package mt940

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/format/statement"
)

// line is a line in UTF-8 without its end, and its place.
type line struct {
	text string
	at   statement.Place
}

// oldEnd ends lines of the former videotex format, which German banks may still send.
const oldEnd = "@@"

// hasOldEnds reports whether a file that starts with head has such lines.
func hasOldEnds(head []byte) bool { return bytes.Contains(head, []byte(oldEnd+":2")) }

// headSize is how many bytes of a file are searched for oldEnd.
const headSize = 1 << 10

// lineReader splits a file into lines that end in CR, LF or both, or in oldEnd.
type lineReader struct {
	in      *bufio.Reader
	unread  []byte // buffered, not yet returned
	line    []byte // the current line
	count   int64
	afterCR bool
	oldEnds bool // oldEnd ends lines, too
	unended bool // the last line has no end
	decoder lineDecoder
}

// next returns the next line; ok is false after the last one.
func (l *lineReader) next() (next line, ok bool, err error) {
	l.line = l.line[:0]
	if l.count == 0 {
		head, _ := l.in.Peek(headSize) // a read error occurs again at the next read
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

// findEnd finds the next line end in the buffer, and its size; 0 if there is none.
func (l *lineReader) findEnd() (at, size int) {
	if !l.oldEnds {
		if at = bytes.IndexAny(l.unread, "\r\n"); at < 0 {
			return 0, 0
		}
		return at, 1
	}
	if n := len(l.line); n > 0 && l.line[n-1] == oldEnd[0] && l.unread[0] == oldEnd[1] { // oldEnd is split between two reads
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

// fill reads up to the next line feed, or as much as the buffer can contain.
func (l *lineReader) fill() (err error) {
	l.unread, err = l.in.ReadSlice('\n')
	if len(l.unread) > 0 && (errors.Is(err, bufio.ErrBufferFull) || errors.Is(err, io.EOF)) {
		return nil // io.EOF occurs again at the next read
	}
	return err
}

// finishLine returns the current line, without control characters and byte order marks around it.
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

// isControl reports whether r is a control character, such as SOH and ETX around messages.
func isControl(r rune) bool { return r < ' ' || r == 0x7F }
