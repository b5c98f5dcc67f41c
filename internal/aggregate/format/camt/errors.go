// Errors of the walk: how it ends, and why a file is refused.

package camt

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// finish ends the read with the decoder's last error.
func (w *walk) finish(err error) {
	var syntax *xml.SyntaxError
	broken := errors.As(err, &syntax)
	cut := errors.Is(err, io.EOF) || broken && strings.HasPrefix(syntax.Msg, "unexpected EOF")
	switch {
	case errors.Is(err, errTokenTooLong):
		w.refuseLong()
	case w.raw.err != nil && !errors.Is(w.raw.err, io.EOF) && errors.Is(err, w.raw.err):
		w.message.out.Fail(fmt.Errorf("read the file: %w", err))
	case cut && w.depth > 0:
		inner := w.stack[w.depth-1]
		w.refuse("the file ends within <%s>, which begins at %s", inner.name.Local, inner.place).Advise("ask for the whole file")
	case cut && w.root == "":
		w.refuse("the file contains no XML element").Advise("a message is XML from its first to its last byte")
	case errors.Is(err, io.EOF):
		w.message.finish()
	case broken:
		line, column := w.decoder.InputPos()
		w.place = statement.Place{Line: int64(line), Column: max(1, int64(column))}
		refused := w.refuse("this is not valid XML: %s", syntax.Msg)
		if syntax.Msg == "invalid UTF-8" {
			refused.Advise("the file is in another encoding than it declares, or declares none")
		}
	default:
		w.refuse("the XML cannot be read: %s", strings.TrimPrefix(err.Error(), "xml: "))
	}
}

// refuseLong refuses a token or a value that exceeds the limit.
func (w *walk) refuseLong() {
	if w.depth == 0 {
		w.refuse("a value or a tag has more than %d bytes", statement.MaxValue)
		return
	}
	inner := w.stack[w.depth-1]
	w.place = inner.place
	w.refuse("a value or a tag of <%s> has more than %d bytes", inner.name.Local, statement.MaxValue)
}

// refuse refuses the file at the current token.
func (w *walk) refuse(format string, args ...any) *statement.Error {
	return w.message.out.Refuse(w.place, format, args...)
}

// shorten limits a name from the file, so that it does not fill the error.
func shorten(name string) string {
	const maxLength = 40
	return name[:min(len(name), maxLength)]
}
