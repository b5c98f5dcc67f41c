// Tests of values in lists of addresses.

package task

import (
	"errors"
	netmail "net/mail"
	"strings"
	"testing"

	"bursar/internal/project"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ list, name, email, want string }{
		{"{{.email}}", "", "ann@example.com", "<ann@example.com>"},
		{" {{.email}} , b@example.com,", "", "ann@example.com", "<ann@example.com>, <b@example.com>"},
		{"{{.email}}, b@example.com", "", "", "<b@example.com>"},
		{"{{.name}} <{{.email}}>", "Ann", "ann@example.com", `"Ann" <ann@example.com>`},
		{"{{.name}} <{{.email}}>", "Smith, John", "a@b.c", `"Smith, John" <a@b.c>`},
		{`"{{.name}}" <{{.email}}>`, `O"Brien \ Sons <x@y.z>`, "a@b.c", `"O\"Brien \\ Sons <x@y.z>" <a@b.c>`},
		{"{{.name}} <{{.email}}>", "Alder (s.r.o.); Söhne", "a@b.c", "=?utf-8?b?QWxkZXIgKHMuci5vLik7IFPDtmhuZQ==?= <a@b.c>"},
		{"{{.name}} <{{.email}}>", "evil@example.net, Foo", "a@b.c", `"evil@example.net, Foo" <a@b.c>`},
		{"{{.name}} <{{.email}}>", "a <evil@example.net>, b", "a@b.c", `"a <evil@example.net>, b" <a@b.c>`},
		{`"Ltd, \"Example\"" <{{.email}}>`, "", "a@b.c", `"Ltd, \"Example\"" <a@b.c>`},
		{"{{.email}}@example.com", "", "ann", "<ann@example.com>"},
		{"{{.name}} <{{.email}}>", "tab\tline\r\nBcc: evil@x.example", "a@b.c", `"tab line  Bcc: evil@x.example" <a@b.c>`},
		{"{{.name}} <{{.email}}>", "=?utf-8?q?evil=40x?=", "a@b.c", `"= ?utf-8?q?evil=40x?=" <a@b.c>`},
		{"ann@example.com (Ann), \"a b\"@example.com", "", "", "ann@example.com (Ann), \"a b\"@example.com"},
	} {
		e := executorOf(t, addressJob(c.list), Deps{})
		got, err := e.texts[0].render(values{"name": c.name, "email": c.email})
		if err != nil || got != c.want {
			t.Errorf("%s with %s and %s: %s, %v; want %s", c.list, c.name, c.email, got, err, c.want)
		}
	}
	for list, want := range map[string]string{
		"{{.name}} <{{.email}}": "a < or a quote is not closed", `"{{.name}} <{{.email}}>`: "a < or a quote is not closed", "<{{.email}}> {{.name}}": "something follows the >",
		"a <{{.email}}> <b@c.de>": "something follows the >",
	} {
		if _, err := New(addressJob(list), Deps{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", list, err, want)
		}
	}
}

func addressJob(list string) *project.Job {
	return &project.Job{Name: "mails", File: "jobs/mails.yaml", Task: project.Task{Email: &project.EmailTask{To: list}}}
}

// FuzzAddresses: values never add an address, or change another one.
func FuzzAddresses(f *testing.F) {
	f.Add("Ann", "ann@example.com")
	f.Add(`a <evil@example.net>, "b`, `x@y>, <z@example.com`)
	f.Add("a\\", "(a)@b,c@d")
	f.Fuzz(func(t *testing.T, name, email string) {
		e, faults := newExecutor(addressJob("First <first@example.com>, {{.name}} <{{.email}}>, {{.name}} Last <last@example.com>"), Deps{})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		text, err := e.texts[0].render(values{"name": name, "email": email})
		if err != nil {
			return
		}
		list, err := netmail.ParseAddressList(text)
		if err != nil {
			return // the message is refused
		}
		var own []string
		for _, a := range list {
			if a.Address != "first@example.com" && a.Address != "last@example.com" {
				own = append(own, a.Address)
			}
		}
		if len(list) > 3 || len(own) > 1 || len(own) == 1 && own[0] != strings.TrimSpace(email) {
			t.Errorf("%q and %q: %s", name, email, text)
		}
		if err := errors.Join(wrongAddress(list[0], "first@example.com"), wrongAddress(list[len(list)-1], "last@example.com")); err != nil {
			t.Error(err)
		}
	})
}

func wrongAddress(a *netmail.Address, want string) error {
	if a.Address != want {
		return errors.New(a.Address + " is not " + want)
	}
	return nil
}
