// Losses: damaged spools are kept, with a report of what is missing, until somebody dismisses them.

package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/durable"
)

// Loss reports that acknowledged requests may be lost with a spool.
type Loss struct {
	Stream    string    `json:"stream"`
	Spool     uint64    `json:"spool"`
	Found     time.Time `json:"found"`
	Reason    string    `json:"reason"`
	Recovered int64     `json:"taken"`          // complete requests, which are ingested
	KeptAs    string    `json:"kept,omitempty"` // the damaged file; empty if there is none
}

func (l Loss) String() string {
	text := fmt.Sprintf("spool %d of %s is damaged: %s; complete requests of it that are ingested: %d", l.Spool, l.Stream, l.Reason, l.Recovered)
	if l.KeptAs != "" {
		text += ", the file is kept as " + l.KeptAs
	}
	return text + "; let the senders repeat their requests of that time, then run `bursar repair --dismiss`"
}

// The kinds of files of a loss.
const (
	lossKind = "loss.json"
	keptKind = "damaged"
)

// Report keeps a spool's file under another name and writes a report of the loss, durably. It may be repeated.
func Report(dir string, l Loss) (Loss, error) {
	if _, err := os.Stat(Path(dir, l.Spool)); err == nil {
		l.KeptAs = pathOf(dir, l.Spool, keptKind)
		if err := os.Link(Path(dir, l.Spool), l.KeptAs); err != nil && !errors.Is(err, fs.ErrExist) {
			return l, fmt.Errorf("keep damaged spool: %w", err)
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		return l, err
	}
	if err := durable.MakeFolder(dir); err != nil {
		return l, fmt.Errorf("make spool folder: %w", err)
	}
	if err := durable.WriteFile(pathOf(dir, l.Spool, lossKind), text); err != nil {
		return l, fmt.Errorf("report damaged spool: %w", err)
	}
	return l, nil
}

// Losses returns the losses in a stream's folder that were not dismissed. A report that cannot be read, or a damaged file without one, is
// a loss as well.
func Losses(dir string) ([]Loss, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	seen := map[string]bool{}
	var losses []Loss
	for _, e := range entries {
		number, kind, _ := strings.Cut(e.Name(), ".")
		if kind != lossKind && kind != keptKind || seen[number] {
			continue
		}
		seen[number] = true
		losses = append(losses, readLoss(dir, number))
	}
	return losses, nil
}

func readLoss(dir, number string) Loss {
	var l Loss
	text, err := os.ReadFile(filepath.Join(dir, number+"."+lossKind))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		l = Loss{Stream: filepath.Base(dir), Reason: "its report cannot be read"}
		_, _ = fmt.Sscan(number, &l.Spool)
	}
	return l
}

// Dismiss removes a loss: the report and the damaged file.
func Dismiss(dir string, l Loss) error {
	for _, path := range []string{pathOf(dir, l.Spool, keptKind), pathOf(dir, l.Spool, lossKind)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("dismiss damaged spool: %w", err)
		}
	}
	return nil
}
