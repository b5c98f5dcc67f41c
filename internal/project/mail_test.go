// Tests of the mail server in bursar.yaml.

package project

import (
	"strings"
	"testing"

	"bursar/internal/project/projecttest"
)

func TestReadMail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Mail{
		"":                                   {},
		`{address: "a.b:587", from: a@b.de}`: {Address: "a.b:587", TLS: MailTLSRequired, From: "a@b.de"},
		`{address: "[::1]:25", from: "A <a@b.de>", tls: none}`: {Address: "[::1]:25", TLS: MailTLSNone, From: "A <a@b.de>"},
		`{address: env:A, user: vault:u, password: vault:p, tls: implicit, from: vault:f, sent: env:S, connections: 16}`: {
			Address: "env:A", User: "vault:u", Password: "vault:p", TLS: MailTLSImplicit, From: "vault:f", Sent: "env:S", Connections: 16,
		},
		`{address: "localhost:25", tls: none, from: a@b.de, sent: "http://localhost/search?query={id}"}`: {
			Address: "localhost:25", TLS: MailTLSNone, From: "a@b.de", Sent: "http://localhost/search?query={id}",
		},
	} {
		if text != "" {
			text = "mail: " + text + "\n"
		}
		p, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		projecttest.WantErrors(t, errs)
		if p.Config.Mail != want {
			t.Errorf("%s gives %+v", text, p.Config.Mail)
		}
	}
}

func TestBrokenMail(t *testing.T) {
	t.Parallel()
	const good = "mail:\n  address: smtp.example.com:587\n  user: u\n  password: vault:p\n  from: a@example.com\n  tls: starttls\n  sent: https://a.b/{id}\n"
	for _, c := range []struct{ change, to, want string }{
		{"  address: smtp.example.com:587\n", "", "1: `mail` has no `address`"},
		{"  from: a@example.com\n", "", "1: `mail` has no `from`"},
		{":587", "", "2: `address` must be host:port, such as smtp.example.com:587, not `smtp.example.com`"},
		{"  user: u\n", "", "3: `password` needs `user`, too"},
		{"  password: vault:p\n", "", "3: `user` needs `password`, too"},
		{"vault:p", "vault:P-1", "4: `password` is not a valid reference"},
		{"from: a@example.com", "from: example.com", "5: `from` is `example.com`, which is not an address"},
		{"tls: starttls", "tls: ssl", "6: `tls` is `ssl`: use starttls, implicit or none"},
		{"tls: starttls", "tls: none", "6: `tls` is none, but `smtp.example.com` is another machine"},
		{"{id}", "ID", "7: `sent` must contain {id}, which stands for the id of the message to find: as in https://mail.example.com/search?query={id}"},
		{"https://a.b/", "imap://a.b/", "7: `sent` must be a URL that begins with http:// or https://"},
		{"  tls:", "  connections: 0\n  tls:", "6: `connections` must be a whole number from 1 to 100"},
		{"  tls:", "  connections: env:N\n  tls:", "6: `connections` must be a whole number from 1 to 100"},
		{"sent:", "seen:", "7: unknown key `seen`"},
	} {
		text := strings.Replace(good, c.change, c.to, 1)
		_, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		projecttest.WantErrors(t, errs, "bursar.yaml:"+c.want)
	}
}
