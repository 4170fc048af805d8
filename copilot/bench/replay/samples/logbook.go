// Package logbook reads access logs and says which pages were asked for, how often and how fast.
package logbook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ErrMalformed is returned for a line that does not have all its fields.
var ErrMalformed = errors.New("malformed line")

// Entry is one request.
type Entry struct {
	Time     time.Time
	Method   string
	Path     string
	Status   int
	Duration time.Duration
}

// PageStats is what is known of one page.
type PageStats struct {
	Path     string
	Requests int
	Errors   int
	Total    time.Duration
	Slowest  time.Duration
}

// Average returns the mean time that the page took.
func (s PageStats) Average() time.Duration {
	if s.Requests == 0 {
		return 0
	}
	return s.Total / time.Duration(s.Requests)
}

// ErrorRate returns the share of requests that failed, between 0 and 1.
func (s PageStats) ErrorRate() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Errors) / float64(s.Requests)
}

// ParseEntry reads one line: time, method, path, status and milliseconds, with blanks between them.
func ParseEntry(line string) (Entry, error) {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return Entry{}, ErrMalformed
	}
	when, err := time.Parse(time.RFC3339, fields[0])
	if err != nil {
		return Entry{}, fmt.Errorf("time: %w", err)
	}
	status, err := strconv.Atoi(fields[3])
	if err != nil {
		return Entry{}, fmt.Errorf("status: %w", err)
	}
	milliseconds, err := strconv.Atoi(fields[4])
	if err != nil {
		return Entry{}, fmt.Errorf("duration: %w", err)
	}
	return Entry{
		Time:     when,
		Method:   fields[1],
		Path:     fields[2],
		Status:   status,
		Duration: time.Duration(milliseconds) * time.Millisecond,
	}, nil
}

// ReadAll reads every line of r. Malformed lines are counted and skipped.
func ReadAll(r io.Reader) (entries []Entry, skipped int, err error) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		entry, parseErr := ParseEntry(line)
		if parseErr != nil {
			skipped++
			continue
		}
		entries = append(entries, entry)
	}
	return entries, skipped, scanner.Err()
}

// ByPage collects the entries of each page.
func ByPage(entries []Entry) map[string]*PageStats {
	pages := make(map[string]*PageStats)
	for _, entry := range entries {
		stats, ok := pages[entry.Path]
		if !ok {
			stats = &PageStats{Path: entry.Path}
			pages[entry.Path] = stats
		}
		stats.Requests++
		stats.Total += entry.Duration
		if entry.Status >= 400 {
			stats.Errors++
		}
		if entry.Duration > stats.Slowest {
			stats.Slowest = entry.Duration
		}
	}
	return pages
}

// Slowest returns the count pages with the highest average time, the slowest first.
func Slowest(pages map[string]*PageStats, count int) []PageStats {
	all := make([]PageStats, 0, len(pages))
	for _, stats := range pages {
		all = append(all, *stats)
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].Average() > all[j].Average()
	})
	if len(all) > count {
		all = all[:count]
	}
	return all
}

// WriteReport writes one line for each page, in the order of their names.
func WriteReport(w io.Writer, pages map[string]*PageStats) error {
	names := make([]string, 0, len(pages))
	for name := range pages {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		stats := pages[name]
		_, err := fmt.Fprintf(w, "%-40s %6d requests, %5.1f %% errors, %v on average\n",
			name, stats.Requests, 100*stats.ErrorRate(), stats.Average())
		if err != nil {
			return err
		}
	}
	return nil
}
