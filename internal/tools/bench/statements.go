// Measures the conversion of statement files to rows, and the minimum cost of reading their bytes.

package bench

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"time"

	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
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
