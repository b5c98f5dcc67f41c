// Parquet files.

package scan

import "errors"

func (f *File) openParquet() (feed, error) { return nil, errors.New("read parquet: not a stream of text") }
