// Opening the project, and finding what arguments name in it.

package main

import (
	"context"
	"errors"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// open opens the project for one command and closes it after do.
func (c *cli) open(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) (err error) {
	ctx := cmd.Context()
	a, err := app.Open(ctx, c.project, cmd.Name(), c.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(ctx, a)
}

// stream finds a stream, or tells which there are: exit code 3.
func stream(a *app.App, name string) (*project.Stream, error) {
	if s := a.Project.Stream(name); s != nil {
		return s, nil
	}
	return nil, missing("stream", name, streamNames(a.Project))
}

// pipeline finds a pipeline, or tells which there are: exit code 3.
func pipeline(a *app.App, name string) (*project.Pipeline, error) {
	if p := a.Project.Pipeline(name); p != nil {
		return p, nil
	}
	return nil, missing("pipeline", name, pipelineNames(a.Project))
}

func missing(what, name string, known []string) error {
	err := &app.NotFoundError{What: what + " " + name}
	switch len(known) {
	case 0:
		return hinted(err, "the project declares no %s yet: add %ss/%s.yaml", what, what, name)
	case 1:
		return hinted(err, "there is %s", known[0])
	}
	return hinted(err, "there are %s", strings.Join(known, ", "))
}
