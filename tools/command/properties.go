package command

import (
	"errors"
	"io/fs"
	"maps"
	"strings"

	"github.com/gregor-broker/gregor/config"
)

// KeyValues reads k=v options: split at the first '=', no '=' gives the empty
// string.
func KeyValues(words []string) map[string]string {
	properties := map[string]string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		properties[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return properties
}

// ClientProperties merges a properties file, when path is not empty, with k=v
// options, which win.
func ClientProperties(path string, overrides []string) (map[string]string, error) {
	properties := map[string]string{}
	if path != "" {
		fromFile, err := config.ReadPropertiesFile(path)
		if err != nil {
			return nil, FileError(err)
		}
		maps.Copy(properties, fromFile)
	}
	maps.Copy(properties, KeyValues(overrides))
	return properties, nil
}

// CheckHostPorts is ToolsUtils.validatePortOrDie: every entry carries a port.
func CheckHostPorts(list string) error {
	for _, entry := range strings.Split(list, ",") {
		colon := strings.LastIndexByte(entry, ':')
		if colon < 0 || !allDigits(entry[colon+1:]) {
			return Usagef("Please provide valid host:port like host1:9091,host2:9092\n ")
		}
	}
	return nil
}

func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// FileError gives an error of opening a file the class that java.nio has for it;
// its message is the file's name.
func FileError(err error) error {
	var failed *fs.PathError
	switch {
	case !errors.As(err, &failed):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return Throw("java.nio.file.NoSuchFileException", "%s", failed.Path)
	case errors.Is(err, fs.ErrPermission):
		return Throw("java.nio.file.AccessDeniedException", "%s", failed.Path)
	}
	text := failed.Err.Error() // the system's, which begins in lower case in Go
	return Throw("java.io.IOException", "%s", strings.ToUpper(text[:1])+text[1:])
}
