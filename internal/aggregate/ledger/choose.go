// Finds which transactions a change of the balance explains.

package ledger

import "bursar/internal/aggregate/format/statement"

// item is a number of transactions with the same amount, of which some count.
type item struct {
	amount statement.Sum
	most   int
}

// maxSums bounds the work of choose.
const maxSums = 100_000

// choose returns how many transactions of each item sum to wanted. ok is false if no choice does, more than one does, or the bound is reached.
func choose(items []item, wanted statement.Sum) (counts []int, ok bool) {
	levels := []map[statement.Sum]int{{statement.Sum{}: 1}} // the sums of the items so far, each with the number of ways, at most 2
	total := 0
	for _, it := range items {
		next := map[statement.Sum]int{}
		for sum, ways := range levels[len(levels)-1] {
			for range it.most + 1 {
				next[sum] = min(2, next[sum]+ways)
				sum = sum.Plus(it.amount)
				if total++; total > maxSums {
					return nil, false
				}
			}
		}
		levels = append(levels, next)
	}
	if levels[len(items)][wanted] != 1 {
		return nil, false
	}
	counts = make([]int, len(items))
	for i := len(items) - 1; i >= 0; i-- {
		for levels[i][wanted] == 0 {
			wanted = wanted.Minus(items[i].amount)
			counts[i]++
		}
	}
	return counts, true
}
