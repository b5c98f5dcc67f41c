// The rules for object names.

package object

import (
	"fmt"
	"strings"
)

// CheckName checks that name is a slash-separated path of [a-z0-9._-] elements, none of which starts with a dot. So no name
// leads out of its store or to a store's hidden files.
func CheckName(name string) error {
	for element := range strings.SplitSeq(name, "/") {
		if !validElement(element) {
			return fmt.Errorf("object name %q: want elements of [a-z0-9._-] between slashes, none starting with a dot", name)
		}
	}
	return nil
}

// CheckPrefix checks that prefix is empty (everything) or a valid name followed by a slash.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	name, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("object prefix %q does not end in a slash", prefix)
	}
	return CheckName(name)
}

func validElement(element string) bool {
	if element == "" || element[0] == '.' || len(element) > 255 {
		return false
	}
	for _, c := range []byte(element) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
