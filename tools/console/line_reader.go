package console

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

// lineReader makes a record of a line, as ConsoleProducer.LineMessageReader.
type lineReader struct {
	parseKey, ignoreError bool
	keySeparator          string
	lineNumber            int
}

func newLineReader(set *command.Set) (*lineReader, error) {
	class, err := set.Value("line-reader")
	if err != nil {
		return nil, &command.UsageError{Message: err.Error()}
	}
	if class != lineReaderClass {
		return nil, fmt.Errorf("java.lang.ClassNotFoundException: %s", class)
	}
	properties := map[string]string{"key.separator": "\t"}
	for _, word := range set.Values("property") {
		key, value, _ := strings.Cut(word, "=")
		properties[key] = value
	}
	return &lineReader{
		parseKey:     strings.EqualFold(properties["parse.key"], "true"),
		ignoreError:  strings.EqualFold(properties["ignore.error"], "true"),
		keySeparator: properties["key.separator"],
	}, nil
}

func (r *lineReader) record(line []byte) (*kgo.Record, error) {
	r.lineNumber++
	if !r.parseKey {
		return &kgo.Record{Value: line}, nil
	}
	key, value, found := bytes.Cut(line, []byte(r.keySeparator))
	switch {
	case found:
		return &kgo.Record{Key: key, Value: value}, nil
	case r.ignoreError:
		return &kgo.Record{Value: line}, nil
	}
	return nil, fmt.Errorf("org.apache.kafka.common.KafkaException: No key found on line %d: %s", r.lineNumber, line)
}
