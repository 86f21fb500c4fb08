package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/gregor-broker/gregor/tools/command"
)

// parseOffsets reads the file of --offset-json-file.
func parseOffsets(text []byte) ([]partitionOffset, error) {
	var root json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return nil, command.Throw(adminOperation, "The input string is not a valid JSON")
	}
	fields, err := jsonObject(root)
	if err != nil {
		return nil, err
	}
	if err := jsonVersion(fields); err != nil {
		return nil, err
	}
	partitions, ok := fields["partitions"]
	if !ok {
		return nil, command.Throw(adminOperation, "Missing partitions field")
	}
	rows, err := jsonArray(partitions)
	if err != nil {
		return nil, err
	}
	var offsets []partitionOffset
	for _, text := range rows {
		row, err := parsePartitionOffset(text)
		if err != nil {
			return nil, err
		}
		offsets = append(offsets, row)
	}
	return offsets, nil
}

func parsePartitionOffset(text json.RawMessage) (row partitionOffset, err error) {
	fields, err := jsonObject(text)
	if err != nil {
		return row, err
	}
	if row.partition, err = jsonPartition(fields); err != nil {
		return row, err
	}
	offset, err := jsonField(fields, "offset")
	if err != nil {
		return row, err
	}
	row.offset, err = jsonInteger(offset, 64)
	return row, err
}
