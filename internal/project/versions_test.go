// Streams that keep versions: what they may declare.

package project

import (
	"strings"
	"testing"

	"bursar/internal/project/projecttest"
)

func TestVersionsDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, versions, want string }{
		{"event_id", "versions: keep\n", ""},
		{"[order_id, event_id]", "versions: keep\n", ""},
		{"event_id", "versions: keep\ndedupe: 30d\n", ""},
		{"event_id", "versions: drop\n", "4: `versions` is `drop`: it can only be keep"},
		{"event_id", "versions: [keep]\n", "4: `versions` must be one text"},
		{"event_id", "versions:\n", "4: `versions` is empty"},
		{"_row", "versions: keep\n", "4: `versions` needs events with an id of their own: with `id: _row`"},
		{"_content", "versions: keep\n", "4: `versions` needs events with an id of their own: with `id: _content`"},
	} {
		text := strings.Replace(projecttest.Stream, "id: event_id\n", "id: "+c.id+"\n"+c.versions, 1)
		s, errs := parseStream("streams/payments.yaml", []byte(text))
		if c.want != "" {
			projecttest.WantErrors(t, errs, "streams/payments.yaml:"+c.want)
			continue
		}
		if projecttest.WantErrors(t, errs); !s.Versions {
			t.Errorf("%s: no versions are kept", c.versions)
		}
	}
}
