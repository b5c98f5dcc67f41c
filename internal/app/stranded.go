// Acknowledged events of streams that the project no longer declares.

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/event/live/spool"
)

// Stranded is a stream that was removed from the project folder before all its acknowledged events were sealed. The events stay
// in its spools until it is declared again.
type Stranded struct {
	Stream   string `json:"stream"`
	Requests int64  `json:"requests"` // acknowledged and not sealed
	Folder   string `json:"folder"`   // of the stream's spools
}

func (s Stranded) String() string {
	return fmt.Sprintf("stream %s is not declared, with %s not sealed in %s: restore streams/%s.yaml to seal them",
		s.Stream, plural(s.Requests, "acknowledged request"), s.Folder, s.Stream)
}

// Stranded lists the stranded streams.
func (a *App) Stranded(ctx context.Context) (list []Stranded, err error) {
	entries, err := os.ReadDir(filepath.Join(a.state, "spool"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || a.Project.Stream(e.Name()) != nil {
			continue
		}
		s := Stranded{Stream: e.Name(), Folder: a.spool(e.Name())}
		if s.Requests, err = a.countUnsealed(ctx, s); err != nil {
			return list, err
		}
		if s.Requests > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

// countUnsealed counts the requests in unsealed spools.
func (a *App) countUnsealed(ctx context.Context, s Stranded) (requests int64, err error) {
	numbers, err := spool.List(s.Folder)
	if err != nil {
		return 0, err
	}
	state, _, err := a.Events.ReadState(ctx, s.Stream)
	if err != nil {
		return 0, err
	}
	for _, number := range numbers {
		if number > state.Spools {
			requests += countRequests(s.Folder, number)
		}
	}
	return requests, nil
}

// countRequests counts the readable requests of a spool, and one more if the rest is unreadable.
func countRequests(folder string, number uint64) (n int64) {
	in, err := spool.Open(folder, number)
	if err != nil {
		return 1
	}
	defer in.Close()
	for ; ; n++ {
		if _, err := in.Next(); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			return n + 1
		}
	}
}
