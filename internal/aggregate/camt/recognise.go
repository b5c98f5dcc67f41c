// Telling the format by its first bytes.

package camt

import (
	"bytes"
	"encoding/xml"
)

// Recognise tells whether a file that starts with head looks like a CAMT message: XML that declares the namespace of one,
// has one of their elements, or is an envelope whose header names one. A few kilobytes are enough; the head may end anywhere.
func Recognise(head []byte) bool {
	w := newWalk(&source{reader: bytes.NewReader(nil), buffer: head, end: len(head)})
	header := false
	for {
		w.source.renew()
		token, err := w.decoder.RawToken()
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			if _, known := kinds[unversioned(t.Name.Local)]; known || declared(t.Attr) != "" {
				return true
			}
			header = t.Name.Local == "MsgDefIdr"
		case xml.CharData:
			if header && formats.Match(t) {
				return true
			}
		}
	}
}
