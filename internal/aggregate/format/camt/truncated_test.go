// Tests of truncated files, read errors and handler errors.

package camt_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement/statementtest"
)

func TestReadAndHandlerErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk failed")
	text := inDetail("<AddtlTxInf>x</AddtlTxInf>")
	for n := range len(text) {
		r := io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(broken))
		if err := camt.Read(r, statementtest.NewRecorder(t)); !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	r := statementtest.NewRecorder(t)
	if err := camt.Read(iotest.OneByteReader(strings.NewReader(text)), r); err != nil || len(r.Statements) != 1 {
		t.Errorf("read byte by byte: %d statements, error %v", len(r.Statements), err)
	}
	statementtest.CheckHandlerErrors(t, []byte(inStatement(`<Bal/><Ntry/><Ntry><NtryDtls><TxDtls/><TxDtls/><TxDtls/></NtryDtls></Ntry>`)), camt.Read)
	statementtest.CheckHandlerErrors(t, []byte(text), camt.Read)
}

func TestRefusesMessageWithoutStatement(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(statementtest.Data(t, "statements", "camt", "genkgo", "camt053.v2.wrong.xml"))
	if err != nil {
		t.Fatal(err)
	}
	err = statementtest.ReadChecked(t, text, camt.Read, statementtest.NewRecorder(t))
	if err == nil || !strings.Contains(err.Error(), "the message contains no statement") {
		t.Errorf("the file without a statement: %v", err)
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	checkTruncatedFiles(t, "settlement/*.xml", "statements/camt/genkgo/*.xml", "two_sided/camt_05?/2024-03-18.xml")
}

// TestSoakTruncated runs for minutes, because the largest files have 180 KB.
func TestSoakTruncated(t *testing.T) {
	t.Parallel()
	if os.Getenv("SEEDS") == "" {
		t.Skip("runs for minutes: set SEEDS, or use make soak")
	}
	checkTruncatedFiles(t, "two_sided/*/*.xml")
}

// checkTruncatedFiles reads each recorded file, cut at every 100th byte.
func checkTruncatedFiles(t *testing.T, patterns ...string) {
	t.Helper()
	root := statementtest.Data(t)
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(files), err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			statementtest.CheckTruncated(t, text, camt.Read)
		}
	}
}
