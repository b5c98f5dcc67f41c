// Where recorded files are.

package statementtest

import (
	"os"
	"path/filepath"
	"testing"
)

// DataVariable names the folder of recorded files that are no part of this project.
const DataVariable = "BURSAR_DATA"

// Data is a folder or file within the folder of recorded files; the test is skipped where there is none.
func Data(t testing.TB, elements ...string) string {
	t.Helper()
	root := os.Getenv(DataVariable)
	if root == "" {
		t.Skip("recorded statements are read from the folder that " + DataVariable + " names; it is not set")
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("find recorded files: %v", err)
	}
	return path
}
