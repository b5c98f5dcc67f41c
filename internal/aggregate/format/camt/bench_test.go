// Benchmarks of reading, compared with tokenising alone.

package camt_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// recordedFiles returns the recorded files and their total size.
func recordedFiles(t testing.TB) (files [][]byte, size int64) {
	t.Helper()
	for _, pattern := range []string{"settlement/*.xml", "two_sided/*/*.xml"} {
		paths, err := filepath.Glob(filepath.Join(statementtest.Data(t), filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, size = append(files, text), size+int64(len(text))
		}
	}
	return files, size
}

func BenchmarkRead(b *testing.B) {
	files, size := recordedFiles(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range files {
			if err := camt.Read(bytes.NewReader(text), statement.Discard{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkTokenise is the baseline of BenchmarkRead.
func BenchmarkTokenise(b *testing.B) {
	files, size := recordedFiles(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range files {
			if err := tokenise(bytes.NewReader(text)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func tokenise(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		if _, err := d.Token(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// BenchmarkRatio runs both alternately, because the speed of machines drifts. ratio is the throughput of Read divided
// by that of tokenising.
func BenchmarkRatio(b *testing.B) {
	files, _ := recordedFiles(b)
	var reading, tokenising time.Duration
	for b.Loop() {
		for _, text := range files {
			start := time.Now()
			err := camt.Read(bytes.NewReader(text), statement.Discard{})
			middle := time.Now()
			err = errors.Join(err, tokenise(bytes.NewReader(text)))
			reading, tokenising = reading+middle.Sub(start), tokenising+time.Since(middle)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(tokenising.Seconds()/reading.Seconds(), "ratio")
}
