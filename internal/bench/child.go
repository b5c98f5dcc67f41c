// Parts: what is measured, or must not disturb what is, runs in a process of its own that takes its orders as JSON.

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The kinds of parts.
const (
	kindState     = "state"
	kindProduct   = "ours"
	kindYardstick = "yardstick"
	kindLanes     = "lanes"
	kindPeerState = "peer state"
	kindPeerKeys  = "peer keys"
	kindPeer      = "peer"
)

// childSpec says what a part is to do.
type childSpec struct {
	Kind    string   `json:"kind"`
	Dir     string   `json:"dir"`   // of the project; the yardstick's and the peers' of the files
	Files   []string `json:"files"` // to take in, in this order; the yardstick's pattern
	State   int      `json:"state"` // how many artifacts to prepare
	Sum     bool     `json:"sum"`   // whether to read all artifacts back and add them up
	Profile string   `json:"profile,omitempty"`

	Mode    string        `json:"way,omitempty"`     // of carrying out runs
	Latency time.Duration `json:"latency,omitempty"` // of each call of the object store

	Database string `json:"database,omitempty"` // of a peer
	Keys     bool   `json:"keys,omitempty"`     // whether it has primary keys
}

// stopTimeout is how long an interrupted part may take to end.
const stopTimeout = 20 * time.Second

// startChild starts a process for a part and reads its result.
func startChild(ctx context.Context, program string, command []string, spec childSpec, into any) error {
	input, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("order %s: %w", spec.Kind, err)
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, command...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s failed: %w: %s", spec.Kind, err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("read result of %s: %w", spec.Kind, err)
	}
	return nil
}

// RunChild carries out one part: its orders are read from in, its result is written to out.
func RunChild(ctx context.Context, in io.Reader, out io.Writer) error {
	var spec childSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	var result any
	var err error
	switch spec.Kind {
	case kindState:
		result, err = makeState(ctx, spec)
	case kindProduct:
		result, err = measureProduct(ctx, spec)
	case kindYardstick:
		result, err = measureYardstick(ctx, spec)
	case kindLanes:
		result, err = measureLanes(ctx, spec)
	case kindPeerState:
		result, err = makePeerState(ctx, spec)
	case kindPeerKeys:
		err = addPeerKeys(ctx, spec)
	case kindPeer:
		result, err = measurePeer(ctx, spec)
	default:
		err = fmt.Errorf("there is no part %q", spec.Kind)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}
