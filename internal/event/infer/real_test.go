// Real files of others: every sampled row must fit what is guessed.

package infer

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRealFiles(t *testing.T) {
	t.Parallel()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data")
	}
	for _, c := range []struct {
		file    string
		columns int
		want    []string
	}{
		{"retail/2010-12-01.csv", 8, []string{"id: _row", "time: invoice_date", "customer_id: {type: \"decimal(18,1)\""}},
		{"sakila/customer.csv", 10, []string{"id: customer_id", "create_date: {type: date}"}},
		{"sakila/payment.csv", 6, []string{"id: payment_id", `amount: {type: "decimal(18,2)"}`, "amount: {sum: amount}", "time: payment_date"}},
		{"sakila/rental.csv", 7, []string{"id: rental_id", "return_date: {type: timestamp, optional: true}"}},
		{"events/empire_mimikatz_extract_keys.zip", 160, []string{"time: event_received_time", "tags: {type: json}"}},
		{"events/empire_smbexec_dcerpc_smb_svcctl.zip", 160, []string{"time: event_time"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			path := sampled(t, filepath.Join(data, c.file))
			text, err := Stream(path, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %s in\n%s", want, text)
				}
			}
			s, rejects := guessed(t, path, text)
			if len(s.Columns) < c.columns || len(rejects) > 0 {
				t.Errorf("%d columns; rejected %d rows, such as %.300v", len(s.Columns), len(rejects), rejects)
			}
		})
	}
}

// sampled copies as much of a file, or of the one in an archive, as is looked at, without the line that is cut.
func sampled(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		t.Skip(path + " is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".zip") {
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(file, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		member, err := archive.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		defer member.Close()
		in, path = member, archive.File[0].Name
	}
	text, err := io.ReadAll(io.LimitReader(in, maxBytes))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	return write(t, filepath.Base(path), strings.Join(lines[:min(len(lines)-1, maxRows)], ""))
}
