// Memory limits as text, such as "1GB".

package duck

import (
	"fmt"
	"math/big"
	"strings"
)

// units of DuckDB: powers of 1000, with an i powers of 1024.
var units = map[string]int64{
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseMemory parses a memory limit; 0 if it is not valid.
func ParseMemory(limit string) int64 {
	text := strings.ToLower(strings.ReplaceAll(limit, " ", ""))
	number := strings.TrimRight(text, "kmgtib")
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0
	}
	n.Mul(n, new(big.Rat).SetInt64(units[text[len(number):]]))
	return new(big.Int).Quo(n.Num(), n.Denom()).Int64()
}

// MemoryText formats a memory limit.
func MemoryText(bytes int64) string { return fmt.Sprintf("%dKiB", bytes>>10) }
