package console

import (
	"bufio"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/tools/command"
)

const defaultFormatterClass = "kafka.tools.DefaultMessageFormatter"

// formatter writes a record out, as org.apache.kafka.common.MessageFormatter.
type formatter interface {
	write(record *kgo.Record, out *bufio.Writer) error
}

func newFormatter(class string, properties map[string]string) (formatter, error) {
	switch class {
	case defaultFormatterClass:
		return newDefaultFormatter(properties)
	case "kafka.tools.LoggingMessageFormatter":
		inner, err := newDefaultFormatter(properties)
		return loggingFormatter{inner}, err
	case "kafka.tools.NoOpMessageFormatter":
		return discard{}, nil
	case "kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter":
		return offsetsFormatter{}, nil
	case "kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter":
		return groupMetadataFormatter{}, nil
	}
	return nil, command.Throw(classNotFound, "%s", class)
}

type discard struct{}

func (discard) write(*kgo.Record, *bufio.Writer) error { return nil }

// defaultFormatter is kafka.tools.DefaultMessageFormatter.
type defaultFormatter struct {
	timestamp, partition, offset, headers, key, value bool
	keySeparator, lineSeparator, headersSeparator     string
	nullLiteral                                       []byte
	keyText, valueText, headersText                   deserializer
}

func newDefaultFormatter(properties map[string]string) (*defaultFormatter, error) {
	text := func(name, otherwise string) string {
		if value, ok := properties[name]; ok {
			return value
		}
		return otherwise
	}
	flag := func(name, otherwise string) bool {
		return isTrue(text(name, otherwise))
	}
	f := &defaultFormatter{
		timestamp: flag("print.timestamp", "false"), partition: flag("print.partition", "false"),
		offset: flag("print.offset", "false"), headers: flag("print.headers", "false"),
		key: flag("print.key", "false"), value: flag("print.value", "true"),
		keySeparator: text("key.separator", "\t"), lineSeparator: text("line.separator", "\n"),
		headersSeparator: text("headers.separator", ","), nullLiteral: []byte(text("null.literal", "null")),
	}
	for name, target := range map[string]*deserializer{
		"key.deserializer": &f.keyText, "value.deserializer": &f.valueText, "headers.deserializer": &f.headersText,
	} {
		found, err := newDeserializer(text(name, ""))
		if err != nil {
			return nil, err
		}
		*target = found
	}
	return f, nil
}

func (f *defaultFormatter) write(record *kgo.Record, out *bufio.Writer) error {
	columns := []struct {
		shown bool
		write func() error
	}{
		{f.timestamp, func() error { return writeTimestamp(record, out) }},
		{f.partition, func() error { _, err := fmt.Fprintf(out, "Partition:%d", record.Partition); return err }},
		{f.offset, func() error { _, err := fmt.Fprintf(out, "Offset:%d", record.Offset); return err }},
		{f.headers, func() error { return f.writeHeaders(record, out) }},
		{f.key, func() error { return f.writeField(f.keyText, record.Key, out) }},
		{f.value, func() error { return f.writeField(f.valueText, record.Value, out) }},
	}
	first := true
	for _, column := range columns {
		if !column.shown {
			continue
		}
		if !first {
			out.WriteString(f.keySeparator)
		}
		first = false
		if err := column.write(); err != nil {
			return err
		}
	}
	if !first {
		out.WriteString(f.lineSeparator)
	}
	return nil
}

func writeTimestamp(record *kgo.Record, out *bufio.Writer) error {
	switch record.Attrs.TimestampType() {
	case -1:
		out.WriteString("NO_TIMESTAMP")
	case 1:
		fmt.Fprintf(out, "LogAppendTime:%d", record.Timestamp.UnixMilli())
	default:
		fmt.Fprintf(out, "CreateTime:%d", record.Timestamp.UnixMilli())
	}
	return nil
}

func (f *defaultFormatter) writeHeaders(record *kgo.Record, out *bufio.Writer) error {
	if len(record.Headers) == 0 {
		out.WriteString("NO_HEADERS")
	}
	for i, header := range record.Headers {
		if i > 0 {
			out.WriteString(f.headersSeparator)
		}
		out.WriteString(header.Key + ":")
		if err := f.writeField(f.headersText, header.Value, out); err != nil {
			return err
		}
	}
	return nil
}

func (f *defaultFormatter) writeField(text deserializer, field []byte, out *bufio.Writer) error {
	if field == nil {
		field = f.nullLiteral
	}
	shown, err := text(field)
	if err != nil {
		return err
	}
	_, err = out.Write(shown)
	return err
}

// loggingFormatter is kafka.tools.LoggingMessageFormatter.
type loggingFormatter struct{ *defaultFormatter }

func (f loggingFormatter) write(record *kgo.Record, out *bufio.Writer) error {
	if err := f.defaultFormatter.write(record, out); err != nil {
		return err
	}
	text := func(field []byte) string {
		if field == nil {
			return "null"
		}
		return string(field)
	}
	logging.For("kafka.tools.LoggingMessageFormatter").Infof("CreateTime:%d, key:%s, value:%s",
		record.Timestamp.UnixMilli(), text(record.Key), text(record.Value))
	return nil
}
