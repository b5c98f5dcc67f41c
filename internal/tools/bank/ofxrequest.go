// Reads OFX requests of versions 1.x (SGML) and 2.x (XML).

package bank

import (
	"errors"
	"html"
	"regexp"
	"strings"
	"time"
)

// element is a tag of a request: an aggregate with children, or a leaf with a value.
type element struct {
	name     string
	value    string
	children []*element
}

// find returns the first descendant with a path of names; an element without anything if there is none.
func (e *element) find(path ...string) *element {
	for _, name := range path {
		next := &element{}
		for _, child := range e.children {
			if child.name == name {
				next = child
				break
			}
		}
		e = next
	}
	return e
}

// text returns the value of a leaf, and an empty text if there is none.
func (e *element) text(path ...string) string { return e.find(path...).value }

var (
	versionHeader = regexp.MustCompile(`(?i)\bVERSION[:=]\s*"?(\d{3})`)
	ofxElement    = regexp.MustCompile(`(?i)<OFX>`)
	ofxHeader     = regexp.MustCompile(`(?i)OFXHEADER[:=]`)
	tag           = regexp.MustCompile(`<(/?)([A-Za-z0-9.]+)\s*(/?)>([^<]*)`)
)

// maxDepth bounds how deep requests are nested.
const maxDepth = 32

// readOFX returns the version of a request and its content, whose name is OFX. In 1.x leaves need not be closed.
func readOFX(body string) (version string, root *element, err error) {
	begin := ofxElement.FindStringIndex(body)
	if begin == nil || !ofxHeader.MatchString(body[:begin[0]]) {
		return "", nil, errors.New("this is not an OFX request")
	}
	start := begin[0]
	header := body[:start]
	if at := strings.Index(header, "?>"); strings.HasPrefix(strings.TrimSpace(header), "<?xml") && at >= 0 {
		header = header[at:] // the XML declaration has a version, too
	}
	found := versionHeader.FindStringSubmatch(header)
	if found == nil {
		return "", nil, errors.New("the OFX header has no version")
	}
	root, err = readElements(body[start:])
	return found[1], root, err
}

func readElements(text string) (*element, error) {
	top := &element{}
	open := []*element{top}
	for _, m := range tag.FindAllStringSubmatch(text, -1) {
		name, value := strings.ToUpper(m[2]), html.UnescapeString(strings.TrimSpace(m[4]))
		if m[1] == "/" {
			open = closed(open, name)
			continue
		}
		if len(open) > maxDepth {
			return nil, errors.New("the request is nested too deeply")
		}
		e := &element{name: name, value: value}
		parent := open[len(open)-1]
		parent.children = append(parent.children, e)
		if value == "" && m[3] == "" {
			open = append(open, e)
		}
	}
	if len(open) > 1 || len(top.children) == 0 {
		return nil, errors.New("the request has no end")
	}
	return top.children[0], nil
}

// closed ends an element. What is open within it was a leaf without a value, so what followed was not within that. The end of another leaf changes
// nothing.
func closed(open []*element, name string) []*element {
	at := len(open) - 1
	for at > 0 && open[at].name != name {
		at--
	}
	if at == 0 {
		return open
	}
	for i := len(open) - 1; i > at; i-- {
		open[i-1].children = append(open[i-1].children, open[i].children...)
		open[i].children = nil
	}
	return open[:at]
}

// ofxDay reads the day of an OFX time, which may have a time of day and a zone.
func ofxDay(text string) (time.Time, bool) {
	if len(text) < len("20060102") {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102", text[:len("20060102")])
	return t, err == nil
}

func ofxTime(t time.Time) string { return t.UTC().Format("20060102150405") }
