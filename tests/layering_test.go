package tests

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gregor-broker/gregor/"

// serverRows are the rows of packages under server, each of which may import
// those above it. Packages of one row import each other only where
// sameRow says so.
var serverRows = [][]string{
	{"metrics", "protocol"},
	{"purgatory", "quota", "metadata", "security"},
	{"network", "channel", "coordinator"},
	{"cluster", "replica", "coordinator/group", "coordinator/transaction", "controller", "admin"},
	{"apis"},
	{"broker"},
}

// sameRow has the imports within a row that are allowed.
var sameRow = map[string][]string{"replica": {"cluster"}}

// logReaders are the packages of the log that tools may read segments with.
var logReaders = []string{"log", "log/record", "log/index", "log/checkpoint", "log/epoch", "log/producerstate", "log/vfs"}

// TestImportsFollowTheLayers holds every package to the table of who may
// import whom: tests may import everything and are imported by nothing.
func TestImportsFollowTheLayers(t *testing.T) {
	for importer, imports := range modulePackages(t) {
		for _, imported := range imports {
			if reason := forbidden(importer, imported); reason != "" {
				t.Errorf("%s imports %s: %s", importer, imported, reason)
			}
		}
	}
}

// modulePackages gives the packages of the module and what they import of it,
// the imports of their own tests included.
func modulePackages(t *testing.T) map[string][]string {
	t.Helper()
	output, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for decoder.More() {
		var listed struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := decoder.Decode(&listed); err != nil {
			t.Fatal(err)
		}
		importer := strings.TrimPrefix(listed.ImportPath, module)
		for _, path := range slices.Concat(listed.Imports, listed.TestImports, listed.XTestImports) {
			if imported, ok := strings.CutPrefix(path, module); ok && imported != importer {
				packages[importer] = append(packages[importer], imported)
			}
		}
	}
	if len(packages) == 0 {
		t.Fatal("go list names no packages")
	}
	return packages
}

func within(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}

// forbidden gives the rule that an import breaks, or nothing.
func forbidden(importer, imported string) string {
	if within(imported, "tests") && !within(importer, "tests") {
		return "nothing imports tests"
	}
	switch root, _, _ := strings.Cut(importer, "/"); root {
	case "tests":
		return ""
	case "config":
		return unless(within(imported, "config"), "config imports nothing else of this module")
	case "zkutil":
		return unless(within(imported, "config", "zkutil"), "zkutil imports config and zkutil only")
	case "log":
		return unless(within(imported, "config", "log"), "log imports config and log only")
	case "tools":
		return forbiddenToTools(importer, imported)
	case "server":
		return forbiddenToServer(strings.TrimPrefix(importer, "server/"), imported)
	}
	return "a package outside config, log, zkutil, server, tools and tests"
}

func unless(holds bool, reason string) string {
	if holds {
		return ""
	}
	return reason
}

func forbiddenToTools(importer, imported string) string {
	if within(imported, "server") {
		return unless(importer == "tools/kafka", "only tools/kafka links the server")
	}
	return unless(within(imported, "config", "zkutil", "tools") || slices.Contains(logReaders, imported),
		"tools import config, zkutil and the readers of logs only")
}

func forbiddenToServer(importer, imported string) string {
	if within(imported, "config", "log", "zkutil") {
		return ""
	}
	target, isServer := strings.CutPrefix(imported, "server/")
	if !isServer {
		return "server imports no tools"
	}
	from, to := rowOf(importer), rowOf(target)
	switch {
	case from < 0 || to < 0:
		return "a package under server that has no row in this table"
	case from > to, familyOf(importer) == familyOf(target), slices.Contains(sameRow[familyOf(importer)], familyOf(target)):
		return ""
	}
	return "a package of server imports only the rows above its own"
}

// familyOf gives the package of the table that a package is or lies in; the
// longest name counts.
func familyOf(path string) string {
	family := ""
	for _, row := range serverRows {
		for _, name := range row {
			if within(path, name) && len(name) > len(family) {
				family = name
			}
		}
	}
	return family
}

func rowOf(path string) int {
	family := familyOf(path)
	return slices.IndexFunc(serverRows, func(row []string) bool { return slices.Contains(row, family) })
}

func TestLayersRefuseWhatTheTableForbids(t *testing.T) {
	for _, test := range []struct {
		importer, imported string
		allowed            bool
	}{
		{"config", "config/topic", true},
		{"config/logging", "zkutil", false},
		{"log/cleaner", "log/record", true},
		{"log", "zkutil", false},
		{"zkutil", "log", false},
		{"tools/admin", "log/record", true},
		{"tools/admin", "log/manager", false},
		{"tools/admin", "server/protocol", false},
		{"tools/kafka", "server/broker", true},
		{"server/protocol", "config", true},
		{"server/metadata", "server/protocol", true},
		{"server/protocol", "server/metrics", false},
		{"server/replica", "server/cluster", true},
		{"server/cluster", "server/replica", false},
		{"server/coordinator/group", "server/coordinator", true},
		{"server/coordinator", "server/coordinator/group", false},
		{"server/controller", "server/coordinator/group", false},
		{"server/apis", "server/replica", true},
		{"server/replica", "server/apis", false},
		{"server/broker", "server/apis", true},
		{"server/surprise", "server/metrics", false},
		{"server/broker", "tools/admin", false},
		{"server/broker", "tests/framework", false},
		{"tests/integration", "server/broker", true},
		{"elsewhere", "config", false},
	} {
		if reason := forbidden(test.importer, test.imported); (reason == "") != test.allowed {
			t.Errorf("%s importing %s: %q", test.importer, test.imported, reason)
		}
	}
}
