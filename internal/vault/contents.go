// The decrypted contents of a vault: one JSON document, its names and its bounds.

package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bursar/internal/failure"
)

const (
	// version is that of the document. A reader refuses newer ones.
	version = 1
	// maxValue is the size of a value, in bytes: more than any key or certificate chain.
	maxValue = 64 << 10
	// maxFile is the size of the encrypted file, in bytes.
	maxFile = 1 << 20
)

var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// contents is the decrypted vault.
type contents struct {
	Version int      `json:"version"`
	Secrets []stored `json:"secrets"` // sorted by name
}

// stored is a secret with its value. Values are bytes, which can be cleared.
type stored struct {
	Entry
	Value []byte `json:"value"`
}

// CheckName returns an error of class Data for an invalid name of a secret.
func CheckName(name string) error {
	if names.MatchString(name) {
		return nil
	}
	return dataErrorf("what is given is not a valid name of a secret: use at most 64 of a to z, 0 to 9 and _, and begin with a letter")
}

// secretNamed names a secret in an error. A name that is not valid is left out, because it may be a value in the wrong place.
func secretNamed(name string) string {
	if names.MatchString(name) {
		return "secret " + name
	}
	return "secret"
}

func checkValue(value []byte) error {
	switch {
	case len(value) == 0:
		return dataErrorf("the value is empty")
	case len(value) > maxValue:
		return dataErrorf("the value has more than %d bytes", maxValue)
	case !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0:
		return dataErrorf("the value is not UTF-8 text; encode binary values, for example as Base64")
	}
	return nil
}

func dataErrorf(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}

// parseContents parses a document and checks everything that encode guarantees. Its errors contain nothing of the document.
func parseContents(text []byte) (*contents, error) {
	var header struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, errDamaged
	}
	if header.Version > version {
		return nil, setupErrorf("the vault was written by a newer version of Bursar: upgrade this one")
	}
	c := &contents{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(c)
	if _, end := d.Token(); err == nil && errors.Is(end, io.EOF) && c.isValid() {
		return c, nil
	}
	c.clear()
	return nil, errDamaged
}

func (c *contents) isValid() bool {
	for i, s := range c.Secrets {
		if CheckName(s.Name) != nil || checkValue(s.Value) != nil || i > 0 && c.Secrets[i-1].Name >= s.Name {
			return false
		}
	}
	return c.Version == version
}

func (c *contents) encode() ([]byte, error) {
	c.Version = version
	if c.Secrets == nil {
		c.Secrets = []stored{}
	}
	return json.Marshal(c)
}

// find returns where a secret is in the sorted list, or where it belongs.
func (c *contents) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(c.Secrets, name, func(s stored, name string) int { return strings.Compare(s.Name, name) })
}

// clear overwrites the values in memory.
func (c *contents) clear() {
	for i := range c.Secrets {
		clear(c.Secrets[i].Value)
	}
}
