// Tests of files of new institutions: they are valid, or are not written.

package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNewInstitution(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, settings ...Setting) error {
		_, err := (&NewInstitution{Name: name, Settings: settings}).Write(dir, false)
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bursar.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write("acme", Setting{"connector.kind", "ofx"}, Setting{"connector.url", "https://ofx.example.com/"}, Setting{"connector.fid", "03000"},
		Setting{"connector.org", "a: b # c"}, Setting{"limits.requests", "600"}, Setting{"refresh.every", "1h"}); err != nil {
		t.Fatal(err)
	}
	if err := write("tap", Setting{"connector.kind", "exec"}, Setting{"connector.command", "[tap, --fast]"}, Setting{"connector.streams.orders", "orders"}); err == nil ||
		!strings.Contains(err.Error(), "stream `orders` is not declared") {
		t.Errorf("a stream that is not declared: %v", err)
	}
	p, errs := Read(dir)
	if len(errs) > 0 || len(p.Institutions) != 1 {
		t.Fatalf("%d institutions, %v", len(p.Institutions), errs)
	}
	c := p.Institution("acme").Connection
	if c.Settings["url"] != "https://ofx.example.com/" || c.Settings["fid"] != "03000" || c.Settings["org"] != "a: b # c" || c.Limits.Requests != 600 || c.Refresh.Every != time.Hour {
		t.Errorf("read %+v", c)
	}
	if err := write("acme", Setting{"connector.kind", "simplefin"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one is %v", err)
	}
	for want, settings := range map[string][]Setting{
		"has no `url`":       {{"connector.kind", "ofx"}},
		"begins with https:": {{"connector.kind", "ofx"}, {"connector.url", "http://a.example"}},
		"a user or a pass":   {{"connector.kind", "files"}, {"connector.url", "sftp://user:s3cret@a.example/in"}, {"connector.host_key", "SHA256:x"}},
		"sftp://HOST/FOLDER": {{"connector.kind", "files"}, {"connector.url", "ftp://a.example/in"}},
		"given twice":        {{"connector.kind", "ofx"}, {"connector.kind", "ofx"}},
		"connector.kind.x":   {{"connector.kind", "ofx"}, {"connector.kind.x", "ofx"}},
	} {
		if err := write("other", settings...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v is %v, want %s", settings, err, want)
		}
	}
	if err := write("../x"); err == nil {
		t.Error("a name that leaves the folder is accepted")
	}
	if list, _ := filepath.Glob(filepath.Join(dir, "institutions", "*")); len(list) != 1 {
		t.Errorf("there are %v", list)
	}
}
