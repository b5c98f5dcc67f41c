// Statement files, read and told as rows, beside the least that reading their bytes costs.

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/statement"
)

// StatementsOptions of the benchmark statements.
type StatementsOptions struct {
	Data    string        // folder of recorded files: settlement, two_sided, statements/mt940, statements/ofx
	Rounds  int           // each side in each of them, one after another
	Each    time.Duration // how long a side is measured in a round, at least
	Rows    int           // of the generated CSV file
	Profile string        // file for a CPU profile of all rounds; empty is none
	Watch   func(line string)
}

// StatementsRound is what one round measured of one format, in millions of bytes a second.
type StatementsRound struct {
	Telling float64 `json:"mb_per_second"`
	Reading float64 `json:"reading_mb_per_second"`
	Peer    float64 `json:"peer_mb_per_second"`
}

// StatementsFormat is what was measured of one format: medians over the rounds. Ratios are throughputs by the peer's in the
// same round.
type StatementsFormat struct {
	Format       string            `json:"format"`
	From         string            `json:"from"` // where the files come from
	Files        int               `json:"files"`
	Refused      int               `json:"refused"` // further files, which are not measured
	Bytes        int64             `json:"bytes"`
	Rows         int64             `json:"rows"`                  // of the built-in streams
	Telling      float64           `json:"mb_per_second"`         // recognised, read, told as rows
	Reading      float64           `json:"reading_mb_per_second"` // recognised and read
	Peer         string            `json:"peer"`
	PeerSpeed    float64           `json:"peer_mb_per_second"`
	Ratio        float64           `json:"ratio"`
	ReadingRatio float64           `json:"reading_ratio"`
	Rounds       []StatementsRound `json:"rounds"`
}

// StatementsReport is what the benchmark measured. Its own figures are those of the first format, CAMT.053.
type StatementsReport struct {
	Benchmark string             `json:"benchmark"`
	Ratio     float64            `json:"ratio"`
	Telling   float64            `json:"mb_per_second"`
	Formats   []StatementsFormat `json:"formats"`
}

// Statements measures how fast the files of each format become rows of the built-in streams, from memory and to nowhere, on
// one goroutine.
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
		report.Formats = append(report.Formats, s.conclude())
	}
	report.Ratio, report.Telling = report.Formats[0].Ratio, report.Formats[0].Telling
	return report, nil
}

// round measures the peer and both of ours, one after the other.
func (s *statementSet) round(ctx context.Context, each time.Duration) (r StatementsRound, err error) {
	for _, side := range []struct {
		speed *float64
		do    func(f *statementFile) error
	}{
		{&r.Peer, func(f *statementFile) error { return s.peer(bytes.NewReader(f.text)) }},
		{&r.Telling, s.tell},
		{&r.Reading, func(f *statementFile) error {
			return aggregate.Read(s.project, f.name, bytes.NewReader(f.text), statement.Nobody{})
		}},
	} {
		if *side.speed, err = s.speed(ctx, each, side.do); err != nil {
			return r, err
		}
	}
	return r, nil
}

// speed goes through all files again and again until the time is up.
func (s *statementSet) speed(ctx context.Context, each time.Duration, do func(f *statementFile) error) (float64, error) {
	runtime.GC() // nobody pays for what another has left
	began, passes := time.Now(), 0
	for passes == 0 || time.Since(began) < each {
		for i := range s.files {
			if err := do(&s.files[i]); err != nil {
				return 0, fmt.Errorf("%s: %w", s.files[i].name, err)
			}
		}
		if passes++; ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return float64(s.result.Bytes) * float64(passes) / 1e6 / time.Since(began).Seconds(), nil
}

// tell tells a file as rows, which must be as many as ever.
func (s *statementSet) tell(f *statementFile) error {
	rows, err := f.tell(s.project)
	if err == nil && rows != f.rows {
		err = fmt.Errorf("told as %d rows, and before as %d", rows, f.rows)
	}
	return err
}

func (s *statementSet) conclude() StatementsFormat {
	r := s.result
	r.Telling = median(r.Rounds, func(r *StatementsRound) float64 { return r.Telling })
	r.Reading = median(r.Rounds, func(r *StatementsRound) float64 { return r.Reading })
	r.PeerSpeed = median(r.Rounds, func(r *StatementsRound) float64 { return r.Peer })
	r.Ratio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Telling / r.Peer })
	r.ReadingRatio = median(r.Rounds, func(r *StatementsRound) float64 { return r.Reading / r.Peer })
	return r
}
