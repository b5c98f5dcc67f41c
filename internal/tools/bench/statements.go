// Measures the conversion of statement files to rows, and the minimum cost of reading their bytes.

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
)

// StatementsOptions of the benchmark statements.
type StatementsOptions struct {
	Data    string        // folder of recorded files: settlement, two_sided, statements/mt940, statements/ofx
	Rounds  int           // each measures all sides
	Each    time.Duration // minimum time that a side is measured in a round
	Rows    int           // of the generated CSV file
	Profile string        // file for a CPU profile of all rounds; empty is none
	Watch   func(line string)
}

// StatementsRound is the result of one round for one format, in millions of bytes a second.
type StatementsRound struct {
	Converting float64 `json:"mb_per_second"`
	Reading    float64 `json:"reading_mb_per_second"`
	Peer       float64 `json:"peer_mb_per_second"`
}

// StatementsFormat is the result for one format: medians over the rounds. Ratios are throughput / throughput of the peer in
// the same round.
type StatementsFormat struct {
	Format       string            `json:"format"`
	From         string            `json:"from"` // source of the files
	Files        int               `json:"files"`
	Refused      int               `json:"refused"` // files that are not measured
	Bytes        int64             `json:"bytes"`
	Rows         int64             `json:"rows"`                  // of the built-in streams
	Converting   float64           `json:"mb_per_second"`         // detect the format, read, convert to rows
	Reading      float64           `json:"reading_mb_per_second"` // detect the format and read
	Peer         string            `json:"peer"`
	PeerSpeed    float64           `json:"peer_mb_per_second"`
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
func Statements(ctx context.Context, o StatementsOptions) (report StatementsReport, err error) {
	sets, err := statementSets(o)
	if err != nil {
		return report, err
	}
	stop, err := profile(o.Profile)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	report = StatementsReport{Benchmark: "statements"}
	for _, s := range sets {
		s.result.Rounds = make([]StatementsRound, 0, o.Rounds)
	}
	for n := range o.Rounds {
		for _, s := range sets {
			round, err := s.round(ctx, o.Each)
			if err != nil {
				return report, fmt.Errorf("round %d of %s: %w", n+1, s.result.Format, err)
			}
			s.result.Rounds = append(s.result.Rounds, round)
		}
		o.Watch(fmt.Sprintf("round %d of %d", n+1, o.Rounds))
	}
	for _, s := range sets {
		report.Formats = append(report.Formats, s.summarize())
	}
	report.Ratio, report.Converting = report.Formats[0].Ratio, report.Formats[0].Converting
	return report, nil
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
	return StatementsRound{Converting: s.speed(converting), Reading: s.speed(reading), Peer: s.speed(peer)}, nil
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
	r.PeerSpeed = median(r.Rounds, func(r *StatementsRound) float64 { return r.Peer })
	r.Ratio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Converting / r.Peer })
	r.ReadingRatio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Reading / r.Peer })
	return r
}
