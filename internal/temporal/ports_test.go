// Ports: kept while they are free, and replaced one by one.

package temporal

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLoadPorts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := loadPorts(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadPorts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("ports changed from %+v to %+v", first, second)
	}
	for _, text := range []string{"", "no JSON", `{"frontend":0}`, `{"frontend":70000,"history":-1}`, `{"frontend":25000,"history":25000}`} {
		if err := os.WriteFile(filepath.Join(dir, "temporal.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := loadPorts(dir)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, port := range p.all() {
			if seen[*port] || tryPort(*port) != nil {
				t.Errorf("after %q: port %d is a duplicate or in use in %+v", text, *port, p)
			}
			seen[*port] = true
		}
	}
}
