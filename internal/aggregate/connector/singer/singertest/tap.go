// Package singertest runs a Singer program of another maker in tests: meltanolabs-tap-postgres, which reads a PostgreSQL database. It must not know
// the connector.
package singertest

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tapVersion is the tap-postgres that was tried.
const tapVersion = "0.10.0"

// Tap returns the path of tap-postgres, and skips the test if it is not there.
func Tap(t *testing.T) string {
	t.Helper()
	tap, err := exec.LookPath("tap-postgres")
	if err != nil {
		t.Skip("tap-postgres, the program of another maker, is not on PATH: pip install meltanolabs-tap-postgres==" + tapVersion)
	}
	return tap
}

// Files returns the configuration of the tap for a database, without the password, and the catalog that it discovers, in which rows are read from
// the last id on. Both are JSON.
func Files(t *testing.T, tap, location string) (config, catalog []byte, password string) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	password, _ = u.User.Password()
	settings := map[string]any{
		"host": u.Hostname(), "port": json.RawMessage(u.Port()), "user": u.User.Username(), "database": strings.TrimPrefix(u.Path, "/"),
		"filter_schemas": []string{"public"},
	}
	config = encode(t, settings)
	settings["password"] = password
	private := filepath.Join(t.TempDir(), "discover.json")
	if err := os.WriteFile(private, encode(t, settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, encode(t, incremental(t, tap, private)), password
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// incremental returns the catalog that the tap discovers, with id as the replication key of each stream.
func incremental(t *testing.T, tap, config string) any {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tap, "--config", config, "--discover").Output()
	if err != nil {
		t.Fatalf("discover: %v", err)
	}
	var catalog struct {
		Streams []map[string]any `json:"streams"`
	}
	if err := json.Unmarshal(out, &catalog); err != nil {
		t.Fatal(err)
	}
	for _, stream := range catalog.Streams {
		stream["replication_method"], stream["replication_key"] = "INCREMENTAL", "id"
		stream["metadata"] = []any{map[string]any{"breadcrumb": []string{}, "metadata": map[string]any{
			"replication-method": "INCREMENTAL", "replication-key": "id", "selected": true, "table-key-properties": []string{"id"}, "schema-name": "public",
		}}}
	}
	return catalog
}
