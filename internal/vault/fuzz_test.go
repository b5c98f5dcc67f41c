// Fuzz targets of what is read from files: the document, the encrypted file and keys.

package vault

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
)

// FuzzContents checks that a document that is accepted has valid, sorted names, and is the same after it is written and read again.
func FuzzContents(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `{"version":1,"secrets":[]}`, `{"version":2}`, `{"version":1,"secrets":null} x`,
		`{"version":1,"secrets":[{"name":"a","set":"2026-11-27T10:00:00Z","value":"aHVudGVyMg=="}]}`,
		`{"version":1,"secrets":[{"name":"b","set":"2026-11-27T10:00:00Z","value":"eA=="},{"name":"a","set":"2026-11-27T10:00:00Z","value":"eA=="}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseContents(text)
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), string(text)) {
				t.Errorf("%v quotes the document", err)
			}
			return
		}
		for i, s := range c.Secrets {
			if CheckName(s.Name) != nil || checkValue(s.Value) != nil {
				t.Errorf("secret %d, %q, is not valid", i, s.Name)
			}
			if at, found := c.find(s.Name); at != i || !found {
				t.Errorf("secret %q is at %d, found at %d", s.Name, i, at)
			}
		}
		encoded, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseContents(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.encode(); err != nil || !bytes.Equal(encoded, twice) || len(again.Secrets) != len(c.Secrets) {
			t.Errorf("%s is read again as %s, %v", encoded, twice, err)
		}
	})
}

// FuzzFile checks that a changed file is refused, or has the same contents.
func FuzzFile(f *testing.F) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	document := []byte(`{"version":1,"secrets":[]}`)
	whole, err := encrypt(document, key.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte{})
	f.Add(40, []byte("X25519"))
	f.Add(len(whole)-40, []byte("AAAA"))
	f.Fuzz(func(t *testing.T, at int, change []byte) {
		changed := bytes.Clone(whole)
		if at >= 0 && at < len(changed) {
			changed = append(append(bytes.Clone(whole[:at]), change...), whole[min(at+len(change), len(whole)):]...)
		}
		if text, _, err := decrypt(changed, []*age.X25519Identity{key}); err == nil && !bytes.Equal(text, document) {
			t.Errorf("a changed file has the contents %q", text)
		}
	})
}

// FuzzKeys compares the keys that are read with those of age's own reader.
func FuzzKeys(f *testing.F) {
	for _, text := range []string{
		"", "# comment\n\n", "AGE-SECRET-KEY-1", "x",
		"# c\r\nAGE-SECRET-KEY-184JMZMVQH3E6U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys(text, "file")
		if err != nil {
			if failureText := err.Error(); len(bytes.TrimSpace(text)) > 20 && strings.Contains(failureText, string(bytes.TrimSpace(text))) {
				t.Errorf("%s quotes the text", failureText)
			}
			return
		}
		want, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil { // it is stricter about white space
			return
		}
		var got []age.Identity
		for _, key := range keys {
			got = append(got, key)
		}
		if !reflect.DeepEqual(fmt.Sprint(got), fmt.Sprint(want)) {
			t.Errorf("%d keys, age reads %d", len(got), len(want))
		}
	})
}
