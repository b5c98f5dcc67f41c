// Writes OFX answers of versions 1.x (SGML) and 2.x (XML).

package bank

import (
	"bytes"
	"fmt"
	"strings"
)

// ofxWriter writes the elements of an answer.
type ofxWriter struct {
	out bytes.Buffer
	xml bool
}

var ofxEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// newOFXWriter writes the header of the version that the request has.
func newOFXWriter(version, uid string) *ofxWriter {
	w := &ofxWriter{xml: version >= "200"}
	if w.xml {
		fmt.Fprintf(&w.out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n"+
			"<?OFX OFXHEADER=\"200\" VERSION=\"%s\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" NEWFILEUID=\"%s\"?>\r\n", version, uid)
	} else {
		fmt.Fprintf(&w.out, "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:%s\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n"+
			"COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:%s\r\n\r\n", version, uid)
	}
	return w
}

// aggregate writes an element with what content writes.
func (w *ofxWriter) aggregate(name string, content func()) {
	w.out.WriteString("<" + name + ">\r\n")
	content()
	w.out.WriteString("</" + name + ">\r\n")
}

// leaves writes elements with values, given as names and values in turn. In 1.x they are not closed.
func (w *ofxWriter) leaves(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		w.out.WriteString("<" + pairs[i] + ">")
		_, _ = ofxEscapes.WriteString(&w.out, pairs[i+1]) // memory
		if w.xml {
			w.out.WriteString("</" + pairs[i] + ">")
		}
		w.out.WriteString("\r\n")
	}
}

// ofxStatus is a status code with its text.
type ofxStatus struct {
	code    string
	message string
}

// The status codes of the specification that the institution uses.
var (
	ofxOK              = ofxStatus{"0", "SUCCESS"}
	ofxUpToDate        = ofxStatus{"1", "Client is up-to-date"}
	ofxGeneral         = ofxStatus{"2000", "General error"}
	ofxExpired         = ofxStatus{"2000", "The session has expired, sign on again"}
	ofxUnknownAccount  = ofxStatus{"2003", "Account not found"}
	ofxBadDates        = ofxStatus{"2020", "Invalid date range"}
	ofxUnsupported     = ofxStatus{"2028", "Requested element unknown"}
	ofxWrongPassword   = ofxStatus{"15500", "Signon invalid"}
	ofxLockedOut       = ofxStatus{"15502", "USERPASS lockout"}
	ofxTokenRequired   = ofxStatus{"15512", "AUTHTOKEN required"}
	ofxTokenIsNotValid = ofxStatus{"15513", "AUTHTOKEN invalid"}
)

func (w *ofxWriter) status(s ofxStatus) {
	severity := "ERROR"
	if s == ofxOK || s == ofxUpToDate {
		severity = "INFO"
	}
	w.aggregate("STATUS", func() { w.leaves("CODE", s.code, "SEVERITY", severity, "MESSAGE", s.message) })
}
