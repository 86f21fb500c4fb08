package system

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestTheListOfKnownFaultsNamesTests looks for each test that the package's
// documentation names.
func TestTheListOfKnownFaultsNamesTests(t *testing.T) {
	t.Parallel()
	documentation, err := os.ReadFile("doc.go")
	must(t, err)
	rows := regexp.MustCompile(`(?m)^//\t.*?((?:server|tests)/\w+) ((?: ?Test\w+)+)$`).FindAllStringSubmatch(string(documentation), -1)
	if len(rows) < 20 {
		t.Fatalf("%d rows name tests", len(rows))
	}
	for _, row := range rows {
		files, err := filepath.Glob(filepath.Join(framework.Root(), row[1], "*_test.go"))
		must(t, err)
		var sources strings.Builder
		for _, file := range files {
			source, err := os.ReadFile(file)
			must(t, err)
			sources.Write(source)
		}
		for _, name := range strings.Fields(row[2]) {
			if !strings.Contains(sources.String(), "func "+name+"(t *testing.T)") {
				t.Errorf("%s has no %s", row[1], name)
			}
		}
	}
}
