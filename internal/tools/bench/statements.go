// Measures the conversion of statement files to rows, and the minimum cost of reading their bytes, on recorded and generated files.

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/tools/shop"
)

// StatementsRound is the result of one round for one format, in millions of bytes a second.
type StatementsRound struct {
	Converting float64 `json:"mb_per_second"`         // detect the format, read, convert to rows
	Reading    float64 `json:"reading_mb_per_second"` // detect the format and read
	PeerSpeed  float64 `json:"peer_mb_per_second"`
}

// StatementsFormat is the result for one format: medians over the rounds. Ratios are throughput / throughput of the peer in
// the same round.
type StatementsFormat struct {
	Format  string `json:"format"`
	From    string `json:"from"` // source of the files
	Files   int    `json:"files"`
	Refused int    `json:"refused"` // files that are not measured
	Bytes   int64  `json:"bytes"`
	Rows    int64  `json:"rows"` // of the built-in streams
	Peer    string `json:"peer"`
	StatementsRound
	Ratio        float64           `json:"ratio"`
	ReadingRatio float64           `json:"reading_ratio"`
	Rounds       []StatementsRound `json:"rounds"`
}

// StatementsReport is the result of the benchmark. Ratio and Converting are those of the first format, CAMT.053.
type StatementsReport struct {
	Benchmark  string             `json:"benchmark"`
	Ratio      float64            `json:"ratio"`
	Converting float64            `json:"mb_per_second"`
	Formats    []StatementsFormat `json:"formats"`
}

// Statements measures the conversion of files of each format to rows of the built-in streams, from memory, on one goroutine.
// The rows are dropped.
func Statements(ctx context.Context, o Options) (report StatementsReport, err error) {
	sets, err := statementSets(&o)
	if err == nil {
		err = profiled(o.Profile, func() error { return measureSets(ctx, sets, &o) })
	}
	if err != nil {
		return report, err
	}
	report.Benchmark = "statements"
	for _, s := range sets {
		report.Formats = append(report.Formats, s.summarize())
	}
	report.Ratio, report.Converting = report.Formats[0].Ratio, report.Formats[0].Converting
	return report, nil
}

func measureSets(ctx context.Context, sets []*statementSet, o *Options) error {
	for n := range o.Rounds {
		for _, s := range sets {
			round, err := s.round(ctx, o.Each)
			if err != nil {
				return fmt.Errorf("round %d of %s: %w", n+1, s.result.Format, err)
			}
			s.result.Rounds = append(s.result.Rounds, round)
		}
		o.Watch(fmt.Sprintf("round %d of %d", n+1, o.Rounds))
	}
	return nil
}

// minTurn is the minimum time that a side works before the next side.
const minTurn = 20 * time.Millisecond

type side struct {
	do     func(f *statementFile) error
	took   time.Duration
	passes int // through all files
}

// round measures the peer and both of our sides in short turns, so that drift of the machine affects all alike.
func (s *statementSet) round(ctx context.Context, each time.Duration) (r StatementsRound, err error) {
	peer := &side{do: func(f *statementFile) error { return s.peer(bytes.NewReader(f.text)) }}
	converting := &side{do: s.convert}
	reading := &side{do: func(f *statementFile) error {
		return format.Read(s.project, f.name, bytes.NewReader(f.text), statement.Discard{})
	}}
	runtime.GC() // no round pays for the garbage of another
	for min(peer.took, converting.took, reading.took) < max(each, minTurn) {
		for _, one := range []*side{peer, converting, reading} {
			if err := one.work(ctx, s.files); err != nil {
				return r, err
			}
		}
	}
	return StatementsRound{Converting: s.speed(converting), Reading: s.speed(reading), PeerSpeed: s.speed(peer)}, nil
}

// work processes all files repeatedly until the turn is over.
func (s *side) work(ctx context.Context, files []statementFile) error {
	began := time.Now()
	for {
		for i := range files {
			if err := s.do(&files[i]); err != nil {
				return fmt.Errorf("%s: %w", files[i].name, err)
			}
		}
		s.passes++
		if took := time.Since(began); took >= minTurn {
			s.took += took
			return ctx.Err()
		}
	}
}

// speed returns millions of bytes a second.
func (s *statementSet) speed(measured *side) float64 {
	return float64(s.result.Bytes) * float64(measured.passes) / 1e6 / measured.took.Seconds()
}

// convert converts a file to rows. Their number must be the same as before.
func (s *statementSet) convert(f *statementFile) error {
	rows, err := f.countRows(s.project)
	if err == nil && rows != f.rows {
		err = fmt.Errorf("converted to %d rows, but before to %d", rows, f.rows)
	}
	return err
}

func (s *statementSet) summarize() StatementsFormat {
	r := s.result
	r.Converting = median(r.Rounds, func(r *StatementsRound) float64 { return r.Converting })
	r.Reading = median(r.Rounds, func(r *StatementsRound) float64 { return r.Reading })
	r.PeerSpeed = median(r.Rounds, func(r *StatementsRound) float64 { return r.PeerSpeed })
	r.Ratio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Converting / r.PeerSpeed })
	r.ReadingRatio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Reading / r.PeerSpeed })
	return r
}

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
func scanXML(in io.Reader) error { return scanAll(xml.NewDecoder(in).Token) }

func scanCSV(in io.Reader) error { return scanAll(csv.NewReader(in).Read) }

func scanLines(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
	}
	return lines.Err()
}

// scanAll calls next until the end of the file.
func scanAll[T any](next func() (T, error)) error {
	for {
		if _, err := next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
