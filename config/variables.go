package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// providersKey names the providers of variables (KIP-297, KIP-421); each has
// its class under config.providers.<name>.class.
const providersKey = "config.providers"

// provider looks a key up in what a path names.
type provider func(path, key string) (value string, found bool, err error)

var providerClasses = map[string]provider{
	"org.apache.kafka.common.config.provider.FileConfigProvider":      fromFile,
	"org.apache.kafka.common.config.provider.DirectoryConfigProvider": fromDirectory,
}

func isProviderKey(key string) bool {
	return key == providersKey || strings.HasPrefix(key, providersKey+".")
}

// variablePattern matches ${provider:path:key} and ${provider:key}.
var variablePattern = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// ResolveVariables returns the properties with the variables in their values
// replaced, as AbstractConfig.resolveConfigVars. Without config.providers, and
// for a variable that a provider does not know, the text stays as it is.
func ResolveVariables(properties map[string]string) (map[string]string, error) {
	resolved := maps.Clone(properties)
	providers, err := providersOf(properties)
	if err != nil || len(providers) == 0 {
		return resolved, err
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		resolved[key] = variablePattern.ReplaceAllStringFunc(properties[key], func(variable string) string {
			match := variablePattern.FindStringSubmatch(variable)
			provide := providers[match[1]]
			if provide == nil || err != nil {
				return variable
			}
			value, found, failure := provide(match[3], match[4])
			if failure != nil {
				err = failure
			}
			if !found {
				return variable
			}
			return value
		})
	}
	return resolved, err
}

func providersOf(properties map[string]string) (map[string]provider, error) {
	providers := map[string]provider{}
	for _, name := range splitCommas(properties[providersKey]) {
		key := providersKey + "." + name + ".class"
		class, given := properties[key]
		if !given {
			continue
		}
		provide := providerClasses[trim(class)]
		if provide == nil {
			return nil, &InvalidValueError{key, class, "Could not load config provider class or one of its dependencies"}
		}
		providers[name] = provide
	}
	return providers, nil
}

// fromFile is FileConfigProvider: the path is a properties file.
func fromFile(path, key string) (string, bool, error) {
	if path == "" {
		return "", false, nil
	}
	properties, err := ReadPropertiesFile(path)
	if err != nil {
		return "", false, fmt.Errorf("Could not read properties from file %s", path) //nolint:staticcheck // Kafka's sentence
	}
	value, found := properties[key]
	return value, found, nil
}

// fromDirectory is DirectoryConfigProvider: the path is a directory, the key a
// file in it.
func fromDirectory(path, key string) (string, bool, error) {
	if path == "" || key == "" || key != filepath.Base(key) {
		return "", false, nil
	}
	file := filepath.Join(path, key)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return "", false, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false, fmt.Errorf("Could not read file %s for property %s", file, key) //nolint:staticcheck // Kafka's sentence
	}
	return string(text), true, nil
}
