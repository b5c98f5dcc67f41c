// Reads spooled rows.

package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// EachLine passes on the lines of a spooled file.
func EachLine(path string, each func(line []byte) error) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read rows again: %w", err)
	}
	lines := bufio.NewReaderSize(in, 1<<16)
	for err == nil {
		var line []byte
		if line, err = lines.ReadBytes('\n'); err == nil {
			err = each(line)
		}
	}
	if wrong := in.Close(); !errors.Is(err, io.EOF) || wrong != nil {
		return fmt.Errorf("read rows again: %w", errors.Join(err, wrong))
	}
	return nil
}
