package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// table is a table of a page: its heading and its rows, of cells without emphasis.
type table struct {
	head []string
	rows [][]string
}

// readTable returns the first table below a heading of page that has all of columns.
func readTable(page, heading string, columns ...string) (table, error) {
	_, text, found := strings.Cut("\n"+page, "\n"+heading+"\n")
	if !found {
		return table{}, fmt.Errorf("no heading %q", heading)
	}
	var t table
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			return table{}, fmt.Errorf("no table with the columns %q below %q", columns, heading)
		case !strings.HasPrefix(line, "|"):
			if t.has(columns) {
				return t, nil
			}
			t = table{}
		case t.head == nil:
			t.head = cells(line)
		case !strings.HasPrefix(line, "|--") && !strings.HasPrefix(line, "|:"):
			t.rows = append(t.rows, cells(line))
		}
	}
	if !t.has(columns) {
		return table{}, fmt.Errorf("no table with the columns %q below %q", columns, heading)
	}
	return t, nil
}

func (t table) has(columns []string) bool {
	for _, column := range columns {
		if !slices.Contains(t.head, column) {
			return false
		}
	}
	return t.rows != nil
}

// cells returns the cells of a line of a table.
func cells(line string) []string {
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(parts[i]), "*")
	}
	return parts
}

// cell returns the cell of a row in a column.
func (t table) cell(row []string, column string) string {
	at := slices.Index(t.head, column)
	if at < 0 || at >= len(row) {
		return ""
	}
	return row[at]
}

var digits = regexp.MustCompile(`[0-9][0-9,]*(?:\.[0-9]+)?`)

// number returns the first number of a cell, as "1,234 ms" or "56.5 / 7"; an error if there is none.
func number(cell string) (float64, error) {
	found := digits.FindString(cell)
	if found == "" {
		return 0, fmt.Errorf("no number in %q", cell)
	}
	return strconv.ParseFloat(strings.ReplaceAll(found, ",", ""), 64)
}
