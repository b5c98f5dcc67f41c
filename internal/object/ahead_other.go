//go:build !linux

// ahead_other.go leaves the time of writing to the system.

package object

import "os"

func startWriting(*os.File, int64, int64) {}
