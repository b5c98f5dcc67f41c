// Recognises CAMT files by their first bytes.

package camt

import (
	"bytes"
	"encoding/xml"
)

// Recognise reports whether a file that starts with head is a CAMT message: XML that declares the namespace of one,
// contains one of the message elements, or is an envelope whose header names one. A few kilobytes are enough; head
// may end anywhere.
func Recognise(head []byte) bool {
	root, isXML := firstTag(head)
	if !isXML || bytes.Contains(root, []byte("xmlns")) && formatIn(string(root)) != "" {
		return isXML
	}
	w := newWalk(&tokenReader{reader: bytes.NewReader(nil), buffer: head, filled: len(head)})
	header := false
	for {
		w.decoded.startToken()
		token, err := w.decoder.RawToken()
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			if _, known := messageElements[withoutVersion(t.Name.Local)]; known || declaredFormat(t.Attr) != "" {
				return true
			}
			header = t.Name.Local == "MsgDefIdr"
		case xml.CharData:
			if header && formatIn(string(t)) != "" {
				return true
			}
		}
	}
}

// firstTag returns the first tag of a file if it can be found without decoding; tag is nil if a decoder is needed.
func firstTag(head []byte) (tag []byte, isXML bool) {
	const skipped = "\xef\xbb\xbf\xfe\xff\x00 \t\r\n" // byte order marks, the zeros of UTF-16, white space
	for {
		head = bytes.TrimLeft(head, skipped)
		if len(head) == 0 || head[0] != '<' {
			return nil, isXML
		}
		isXML = true
		end := ">"
		switch {
		case bytes.HasPrefix(head, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(head, []byte("<!")):
			return nil, true
		}
		tag, rest, complete := bytes.Cut(head, []byte(end))
		switch {
		case !complete:
			return nil, true
		case end == ">":
			return tag, true
		}
		head = rest
	}
}
