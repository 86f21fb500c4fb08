package command

import (
	"strconv"
	"time"
)

// settings reads properties of Java clients and keeps the first error.
type settings struct {
	properties map[string]string
	err        error
}

func (s *settings) number(key string, fallback int64, bits int) int64 {
	text, ok := s.properties[key]
	if !ok {
		return fallback
	}
	number, err := strconv.ParseInt(text, 10, bits)
	if err != nil && s.err == nil {
		kind := "LONG"
		if bits == 32 {
			kind = "INT"
		}
		s.err = Throw(ConfigError, "Invalid value %s for configuration %s: Not a number of type %s", text, key, kind)
	}
	return number
}

func (s *settings) int(key string, fallback int64) int32 { return int32(s.number(key, fallback, 32)) }

func (s *settings) long(key string, fallback int64) int64 { return s.number(key, fallback, 64) }

func (s *settings) milliseconds(key string, fallback int64) time.Duration {
	return time.Duration(s.long(key, fallback)) * time.Millisecond
}

func (s *settings) text(key, fallback string) string {
	if text, ok := s.properties[key]; ok {
		return text
	}
	return fallback
}

func (s *settings) boolean(key string, fallback bool) bool {
	switch s.text(key, strconv.FormatBool(fallback)) {
	case "true", "TRUE", "True":
		return true
	case "false", "FALSE", "False":
		return false
	}
	s.fail("Invalid value %s for configuration %s: Expected value to be either true or false", s.properties[key], key)
	return fallback
}

func (s *settings) fail(format string, args ...any) {
	if s.err == nil {
		s.err = Throw(ConfigError, format, args...)
	}
}

// ConfigError is the class of an error in a client's properties.
const ConfigError = "org.apache.kafka.common.config.ConfigException"
