// The files that the benchmark statements reads, and its peers.

package bench

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/aggregate"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/tools/shop"
)

// statementSet is the files that are measured as one format.
type statementSet struct {
	project *project.Project
	files   []statementFile
	peer    func(in io.Reader) error
	result  StatementsFormat
}

type statementFile struct {
	name string
	text []byte
	rows int64 // that it is converted to
}

// recordedSets are the formats with recorded files. The report's figures are those of the first.
var recordedSets = []struct {
	format  string
	folders []string
	ending  string
	peer    string
	read    func(in io.Reader) error
}{
	{"camt.053", []string{"settlement"}, ".xml", "encoding/xml tokens", scanXML},
	{"camt", []string{"settlement", "two_sided"}, ".xml", "encoding/xml tokens", scanXML},
	{"mt940", []string{"statements/mt940"}, ".sta", "bufio lines", scanLines},
	{"ofx", []string{"statements/ofx"}, ".ofx", "bufio lines", scanLines},
}

// statementSets reads the recorded files into memory, and generates a CSV file.
func statementSets(o *Options) ([]*statementSet, error) {
	var sets []*statementSet
	for _, r := range recordedSets {
		s := &statementSet{project: &project.Project{}, peer: r.read}
		s.result = StatementsFormat{Format: r.format, From: strings.Join(r.folders, ", "), Peer: r.peer}
		for _, folder := range r.folders {
			if err := s.load(filepath.Join(o.Data, filepath.FromSlash(folder)), r.ending); err != nil {
				return nil, fmt.Errorf("find recorded statements: %w", err)
			}
		}
		if len(s.files) == 0 {
			return nil, fmt.Errorf("find recorded statements: no file *%s that can be read in %s of %s", r.ending, s.result.From, o.Data)
		}
		sets = append(sets, s)
	}
	s := &statementSet{project: csvProject(), peer: scanCSV}
	s.result = StatementsFormat{Format: "csv", From: "generated: there are no recorded ones", Peer: "encoding/csv rows"}
	return append(sets, s), s.add("statement.csv", generateCSV(o.Rows))
}

func (s *statementSet) load(folder, ending string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ending {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return s.add(filepath.Base(path), text)
	})
}

// add adds a file. One that Import refuses is counted, but not measured.
func (s *statementSet) add(name string, text []byte) (err error) {
	f := statementFile{name: name, text: text}
	f.rows, err = f.countRows(s.project)
	switch {
	case err != nil && failure.Of(err) == failure.Data:
		s.result.Refused++
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	s.files = append(s.files, f)
	s.result.Files++
	s.result.Bytes += int64(len(text))
	s.result.Rows += f.rows
	return nil
}

// objectName has the length of the object names under which Import keeps files.
var objectName = "statements/00/" + strings.Repeat("0", 64)

func (f *statementFile) countRows(p *project.Project) (rows int64, err error) {
	err = aggregate.ConvertFile(p, f.name, objectName, bytes.NewReader(f.text), func(string, []byte) error {
		rows++
		return nil
	})
	return rows, err
}

// csvProject declares the mapping of the file that generateCSV writes.
func csvProject() *project.Project {
	return &project.Project{Institutions: []*project.Institution{{Name: "bench", Servicer: "DEUTDEFF", CSV: &project.CSVMapping{
		Decimal: '.', Account: project.Cell{Column: "account"}, Currency: project.Cell{Column: "currency"},
		Columns: project.CSVColumns{
			Booked: "booked", Value: "value", Amount: "amount", Reference: "reference", Party: "party", Peer: "iban",
			Text: []string{"purpose"}, Balance: "balance",
		},
	}}}}
}

// generateCSV writes one account's statement of a day.
func generateCSV(rows int) []byte {
	var text bytes.Buffer
	text.WriteString("account,currency,booked,value,amount,reference,party,iban,purpose,balance\n")
	random, balance := rand.New(rand.NewPCG(seed, 0)), int64(0)
	for n := range rows {
		amount := random.Int64N(1_000_000) - 500_000
		balance += amount
		fmt.Fprintf(&text, "DE89370400440532013000,EUR,2024-01-02,2024-01-03,%s,20240102%08d,\"Party %d, Inc.\",NO9386011117947,Invoice %d,%s\n",
			shop.Cents(amount), n, random.IntN(1000), random.IntN(1_000_000), shop.Cents(balance))
	}
	return text.Bytes()
}

// scanXML tokenises without using the tokens.
func scanXML(in io.Reader) error {
	d := xml.NewDecoder(in)
	for {
		if _, err := d.Token(); err != nil {
			return ignoreEOF(err)
		}
	}
}

func scanLines(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
	}
	return lines.Err()
}

func scanCSV(in io.Reader) error {
	rows := csv.NewReader(in)
	for {
		if _, err := rows.Read(); err != nil {
			return ignoreEOF(err)
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
