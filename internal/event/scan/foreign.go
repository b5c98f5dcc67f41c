// Files in formats that cannot be read as text.

package scan

import "strings"

// foreign are the first bytes of files in other formats, and what to do about them.
var foreign = []struct{ prefix, advice string }{
	{"\x1f\x8b", "the file is compressed with gzip: name it .gz"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd: name it .zst"},
	{"PAR1", "the file is Parquet: declare format parquet"},
	{"PK\x03\x04", "the file is a spreadsheet or a zip archive: save the sheet as CSV, or unpack the archive"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is a spreadsheet or document of an office program: save the sheet as CSV"},
	{"%PDF-", "the file is PDF: get the data as CSV or JSON lines from its source"},
}

// ForeignFormat returns what to do about a file of another format, given its first bytes; "" if it may be text.
func ForeignFormat(begins []byte) (advice string) {
	for _, f := range foreign {
		if strings.HasPrefix(string(begins[:min(len(begins), 8)]), f.prefix) {
			return f.advice
		}
	}
	return ""
}
