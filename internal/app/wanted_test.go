// Tests of the services that are started and stopped on request.

package app

import (
	"context"
	"errors"
	"testing"
)

// TestServicesThatDoNotStart has the second of two services fail at first: none is left running, and the next attempt starts both.
func TestServicesThatDoNotStart(t *testing.T) {
	t.Parallel()
	running, failing := 0, true
	one := func(fails *bool) service {
		return func(context.Context) (func() error, error) {
			if *fails {
				return func() error { return nil }, errors.New("the server does not answer")
			}
			running++
			return func() error { running--; return nil }, nil
		}
	}
	never := false
	s := &switchable{services: []service{one(&never), one(&failing)}}
	for _, step := range []struct {
		on, fails bool
		running   int
	}{{true, true, 0}, {true, false, 2}, {true, false, 2}, {false, false, 0}, {false, false, 0}, {true, false, 2}} {
		failing = step.fails
		if err := s.set(t.Context(), step.on); (err != nil) != step.fails || running != step.running {
			t.Fatalf("%+v: %d run, %v", step, running, err)
		}
	}
}
