// Guessing a stream file for people to edit.

package app

import "bursar/internal/event/infer"

// Infer writes a commented stream file for a file of events, guessed from its first rows. It needs no project.
func Infer(path string) (string, error) { return infer.Stream(path) }
