package config

// Nearest returns the candidate closest to word, which somebody most likely meant,
// or "" when none is close enough to be a likely slip. Candidates are compared
// without regard to case.
func Nearest(word string, candidates []string) string {
	limit := len(word)/3 + 1
	if limit > 4 {
		limit = 4
	}
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if c == word || abs(len(c)-len(word)) >= bestDistance {
			continue
		}
		if d := distance(word, c, bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if bestDistance >= len(word) && bestDistance > 0 {
		return "" // every letter would change
	}
	return best
}

// distance returns the number of insertions, deletions, replacements and swaps
// of neighbours that turn a into b, or limit when there are at least as many.
func distance(a, b string, limit int) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		low := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if lower(a[i-1]) == lower(b[j-1]) {
				cost = 0
			}
			v := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && lower(a[i-1]) == lower(b[j-2]) && lower(a[i-2]) == lower(b[j-1]) {
				v = min(v, prev2[j-2]+1)
			}
			cur[j] = v
			low = min(low, v)
		}
		if low >= limit {
			return limit
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
