package admin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// exportPlans writes a line a partition: topic,partition,offset when one --group
// was given, and the group in front otherwise.
func (s *groupService) exportPlans(order []string, plans map[string]*resetPlan) string {
	var text strings.Builder
	oneGroup := len(s.set.Values("group")) == 1
	for _, group := range order {
		for _, partition := range plans[group].partitions {
			if !oneGroup {
				text.WriteString(csvCell(group) + ",")
			}
			fmt.Fprintf(&text, "%s,%d,%d\n", csvCell(partition.Topic), partition.Partition, plans[group].offsets[partition])
		}
	}
	return text.String()
}

// csvCell quotes as Jackson's CSV writer does: texts longer than it cares to
// look at, and those with a character that could mean something.
func csvCell(text string) string {
	const unchecked, firstSafe = 24, ',' + 1
	if javaLength(text) <= unchecked && strings.IndexFunc(text, func(char rune) bool { return char < firstSafe }) < 0 {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

// planRow is a line of a plan: a group when there is one, then the partition and
// its offset.
type planRow struct {
	group     string
	partition topic.Partition
	offset    int64
}

// parseResetPlans reads a plan as exportPlans writes it. The form without groups
// belongs to the one group given.
func parseResetPlans(content string, groups []string) (map[string]*resetPlan, error) {
	lines := strings.Split(strings.TrimRight(content, "\n"), "\n")
	_, err := parsePlanRow(lines[0], false)
	withGroup := err != nil || len(groups) != 1
	partitions, offsets := map[string][]topic.Partition{}, map[string]map[topic.Partition]int64{}
	for _, line := range lines {
		row, err := parsePlanRow(line, withGroup)
		if err != nil {
			return nil, err
		}
		if !withGroup {
			row.group = groups[0]
		}
		if offsets[row.group] == nil {
			offsets[row.group] = map[topic.Partition]int64{}
		}
		partitions[row.group] = append(partitions[row.group], row.partition)
		offsets[row.group][row.partition] = row.offset
	}
	plans := map[string]*resetPlan{}
	for group := range partitions {
		plans[group] = newResetPlan(partitions[group], func(partition topic.Partition) int64 { return offsets[group][partition] })
	}
	return plans, nil
}

// planCell is a cell and the column, from 1, at which it begins.
type planCell struct {
	text   string
	column int
}

func parsePlanRow(line string, withGroup bool) (planRow, error) {
	cells, err := csvCells(strings.TrimSuffix(line, "\r"))
	if err != nil {
		return planRow{}, err
	}
	columns := 3
	if withGroup {
		columns = 4
	}
	if len(cells) > columns {
		return planRow{}, command.Throw(csvPackage+"CsvMappingException", "Too many entries: expected at most %d (value #%d (%d chars) \"%s\")\n at [Source: UNKNOWN; line: 1, column: %d]",
			columns, columns, len(cells[columns].text), cells[columns].text, cells[columns].column)
	}
	for len(cells) < columns {
		cells = append(cells, planCell{})
	}
	var row planRow
	if withGroup {
		row.group, cells = cells[0].text, cells[1:]
	}
	partition, err := csvNumber(cells[1], "partition", withGroup)
	if err != nil {
		return planRow{}, err
	}
	offset, err := csvNumber(cells[2], "offset", withGroup)
	row.partition, row.offset = topic.Partition{Topic: cells[0].text, Partition: int32(partition)}, offset
	return row, err
}

// csvNumber reads a number; nothing at all is 0.
func csvNumber(cell planCell, field string, withGroup bool) (int64, error) {
	kind, bits, source := "long", 64, "UNKNOWN"
	if field == "partition" {
		kind, bits, source = "int", 32, "(StringReader)"
	}
	text := strings.TrimSpace(cell.text)
	if text == "" {
		return 0, nil
	}
	number, err := strconv.ParseInt(text, 10, bits)
	if err == nil {
		return number, nil
	}
	class := "CsvRecordNoGroup"
	if withGroup {
		class = "CsvRecordWithGroup"
	}
	return 0, command.Throw("com.fasterxml.jackson.databind.exc.InvalidFormatException", "Cannot deserialize value of type `%s` from String \"%s\": not a valid `%s` value\n"+
		" at [Source: %s; line: 1, column: %d] (through reference chain: kafka.admin.ConsumerGroupCommand$%s[\"%s\"])",
		kind, cell.text, kind, source, cell.column, class, field)
}

const csvPackage = "com.fasterxml.jackson.dataformat.csv."

// csvCells splits a line at its commas outside quotes.
func csvCells(line string) ([]planCell, error) {
	if line == "" {
		return nil, command.Throw("com.fasterxml.jackson.databind.exc.MismatchedInputException",
			"No content to map due to end-of-input\n at [Source: UNKNOWN; line: -1, column: -1]")
	}
	var cells []planCell
	for whole := len(line); ; {
		column := whole - len(line) + 1
		cell, rest, more, err := nextCell(line)
		if err != nil {
			return nil, err
		}
		cells = append(cells, planCell{cell, column})
		if !more {
			return cells, nil
		}
		line = rest
	}
}

func nextCell(line string) (cell, rest string, more bool, err error) {
	if !strings.HasPrefix(line, `"`) {
		cell, rest, more = strings.Cut(line, ",")
		return cell, rest, more, nil
	}
	var text strings.Builder
	for line = line[1:]; ; {
		part, after, found := strings.Cut(line, `"`)
		if !found {
			return "", "", false, command.Throw(csvPackage+"CsvReadException", "Missing closing quote for value")
		}
		text.WriteString(part)
		if !strings.HasPrefix(after, `"`) {
			_, rest, more = strings.Cut(after, ",")
			return text.String(), rest, more, nil
		}
		text.WriteByte('"')
		line = after[1:]
	}
}
