package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	adminOperation = "kafka.admin.AdminOperationException"
	jsonMapping    = "com.fasterxml.jackson.databind.JsonMappingException"
)

// readWholeFile is Utils.readFileAsString.
func readWholeFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &command.Exception{Class: "java.io.IOException", Message: "Unable to read file " + path, Cause: command.FileError(err)}
	}
	return text, nil
}

// parseJSON is Json.tryParseFull: the first value of the text. Its errors begin as
// Jackson's and tell the place as they do.
func parseJSON(text []byte) (json.RawMessage, error) {
	if len(text) == 0 {
		return nil, errors.New("The input string shouldn't be empty\n at [Source: UNKNOWN; line: -1, column: -1]") //nolint:staticcheck // Kafka's sentence
	}
	var root json.RawMessage
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&root)
	var wrong *json.SyntaxError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return root, nil
	case errors.As(err, &wrong) && wrong.Offset > 0 && wrong.Offset <= int64(len(text)):
		char, _ := utf8.DecodeRune(text[wrong.Offset-1:])
		return nil, fmt.Errorf("Unexpected character ('%c' (code %d))%s", char, char, jsonPlace(text, int(wrong.Offset))) //nolint:staticcheck // Jackson's words
	}
	return nil, fmt.Errorf("Unexpected end-of-input%s", jsonPlace(text, len(text))) //nolint:staticcheck // Jackson's words
}

// quotedSource is how much of a text Jackson repeats in its errors.
const quotedSource = 500

// jsonPlace is what Jackson adds to an error behind so many bytes.
func jsonPlace(text []byte, offset int) string {
	before := text[:offset]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	source, rest := text, ""
	if len(source) > quotedSource {
		source, rest = text[:quotedSource], fmt.Sprintf("[truncated %d chars]", len(text)-quotedSource)
	}
	return fmt.Sprintf("\n at [Source: (String)\"%s\"%s; line: %d, column: %d]", source, rest, line, column)
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

func jsonArray(text json.RawMessage) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if !startsWith(text, '[') || json.Unmarshal(text, &items) != nil {
		return nil, command.Throw(jsonMapping, "Expected JSON array, received %s", text)
	}
	return items, nil
}

func jsonString(text json.RawMessage) (string, error) {
	var value string
	if !startsWith(text, '"') || json.Unmarshal(text, &value) != nil {
		return "", command.Throw(jsonMapping, "Expected `String` value, received %s", text)
	}
	return value, nil
}

func jsonField(fields map[string]json.RawMessage, name string) (json.RawMessage, error) {
	value, ok := fields[name]
	if !ok {
		return nil, command.Throw(jsonMapping, "No such field exists: `%s`", name)
	}
	return value, nil
}

// jsonPartition reads the fields topic and partition.
func jsonPartition(fields map[string]json.RawMessage) (partition topic.Partition, err error) {
	value, err := jsonField(fields, "topic")
	if err != nil {
		return partition, err
	}
	if partition.Topic, err = jsonString(value); err != nil {
		return partition, err
	}
	if value, err = jsonField(fields, "partition"); err != nil {
		return partition, err
	}
	number, err := jsonInteger(value, 32)
	partition.Partition = int32(number)
	return partition, err
}

// jsonVersion reads the field version, which must be 1 if it is there.
func jsonVersion(fields map[string]json.RawMessage) error {
	given, ok := fields["version"]
	if !ok {
		return nil
	}
	version, err := jsonInteger(given, 32)
	if err == nil && version != 1 {
		err = command.Throw(adminOperation, "Not supported version field value %d", version)
	}
	return err
}

// repeatedItems is CoreUtils.duplicates: the items that come more than once.
func repeatedItems[T comparable](items []T, hash func(T) int32) []T {
	seen := map[T]int{}
	var twice []T
	for _, item := range items {
		seen[item]++
		if seen[item] == 2 {
			twice = append(twice, item)
		}
	}
	return jvm.ScalaHashMapOrder(twice, hash)
}
