// Streams whose files are not UTF-8.

package main

import (
	"strings"
	"testing"
)

// TestStreamEncoding takes a file of Windows' letters in, retries a row out of its quarantine, and takes the file in again as UTF-16 by its mark.
func TestStreamEncoding(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	const stream = "stream: fees\nformat: csv\nencoding: windows-1252\ncsv: {delimiter: \";\"}\nid: id\n" +
		"columns:\n  id: {type: string}\n  name: {type: string, from: Empfänger, in: [Müller]}\n  amount: {type: \"decimal(10,2)\", from: Betrag, decimal: \",\"}\n"
	file(t, dir, "streams/fees.yaml", stream)
	file(t, dir, "pipelines/names.yaml", "pipeline: names\nfrom: fees\nkey: [name]\nartifact:\n  paid: {sum: amount}\n")
	const rows = "sep=;\r\nid;Empfänger;Betrag\r\n1;Müller;1,50\r\n2;Groß;2,25\r\n"
	windows := strings.NewReplacer("ä", "\xe4", "ü", "\xfc", "ß", "\xdf").Replace(rows)
	got := bursar(t, "ingest", "fees", file(t, dir, "fees.csv", windows), "--project", dir)
	if shown := must(t, 0, "quarantine", "fees", "--project", dir); got.code != 0 || !strings.Contains(shown.out, "\"Groß\" is not one of the declared values") {
		t.Errorf("ingest ends with %d: %s%s; in quarantine is %s", got.code, got.out, got.err, shown.out)
	}
	file(t, dir, "streams/fees.yaml", strings.Replace(stream, "[Müller]", "[Müller, Groß]", 1))
	must(t, 0, "quarantine", "fees", "--retry", "--project", dir)
	must(t, 0, "run", "--project", dir)
	for name, want := range map[string]string{"Müller": "1.50", "Groß": "2.25"} {
		if got := must(t, 0, "get", "names", name, "--project", dir); !strings.Contains(got.out, want) {
			t.Errorf("%s has %s, want %s", name, got.out, want)
		}
	}
	utf16 := "\xff\xfe"
	for _, r := range rows {
		utf16 += string([]byte{byte(r), byte(r >> 8)})
	}
	again := value(t, must(t, 0, "ingest", "fees", file(t, dir, "again.csv", utf16), "--project", dir, "--json"))
	if again["accepted"] != 0.0 || again["duplicates"] != 2.0 {
		t.Errorf("taken in again it gives %v", again)
	}
	must(t, 0, "verify", "--project", dir)
}
