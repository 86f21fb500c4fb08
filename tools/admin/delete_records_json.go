package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/gregor-broker/gregor/tools/command"
)

const (
	adminOperation = "kafka.admin.AdminOperationException"
	jsonMapping    = "com.fasterxml.jackson.databind.JsonMappingException"
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
	version := int64(1)
	if given, ok := fields["version"]; ok {
		if version, err = jsonInteger(given, 32); err != nil {
			return nil, err
		}
	}
	partitions, ok := fields["partitions"]
	switch {
	case version != 1:
		return nil, command.Throw(adminOperation, "Not supported version field value %d", version)
	case !ok:
		return nil, command.Throw(adminOperation, "Missing partitions field")
	}
	var rows []json.RawMessage
	if !startsWith(partitions, '[') || json.Unmarshal(partitions, &rows) != nil {
		return nil, command.Throw(jsonMapping, "Expected JSON array, received %s", partitions)
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
	for _, name := range []string{"topic", "partition", "offset"} {
		value, ok := fields[name]
		if !ok {
			return row, command.Throw(jsonMapping, "No such field exists: `%s`", name)
		}
		var number int64
		switch name {
		case "topic":
			if !startsWith(value, '"') || json.Unmarshal(value, &row.partition.Topic) != nil {
				return row, command.Throw(jsonMapping, "Expected `String` value, received %s", value)
			}
		case "partition":
			number, err = jsonInteger(value, 32)
			row.partition.Partition = int32(number)
		default:
			row.offset, err = jsonInteger(value, 64)
		}
		if err != nil {
			return row, err
		}
	}
	return row, nil
}

func jsonObject(text json.RawMessage) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if !startsWith(text, '{') || json.Unmarshal(text, &fields) != nil {
		return nil, command.Throw(jsonMapping, "Expected JSON object, received %s", compact(text))
	}
	for name, value := range fields {
		fields[name] = compact(value)
	}
	return fields, nil
}

func startsWith(text json.RawMessage, first byte) bool { return len(text) > 0 && text[0] == first }

func compact(text json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return text
	}
	return out.Bytes()
}

func jsonInteger(text json.RawMessage, bits int) (int64, error) {
	var number int64
	err := json.Unmarshal(text, &number)
	if err == nil && (bits == 64 || number == int64(int32(number))) && string(text) != "null" {
		return number, nil
	}
	name := "Long"
	if bits == 32 {
		name = "Int"
	}
	return 0, command.Throw(jsonMapping, "Expected `%s` value, received %s", name, text)
}
