//go:build peers

package dump

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestExpectedOutputIsKafkas runs Apache Kafka's tool on the files. With -update
// its output becomes what is expected.
func TestExpectedOutputIsKafkas(t *testing.T) {
	framework.NeedPeers(t)
	if *update {
		writeTestdata(t)
	}
	jars, err := exec.Command(filepath.Join(framework.Root(), "tests", "peers", "install-kafka.sh")).Output()
	if err != nil {
		t.Fatal(err)
	}
	java := []string{
		"-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dlog4j.configuration=file:" + filepath.Join(framework.Root(), "config", "tools-log4j.properties"),
		"-cp", strings.TrimSpace(string(jars)) + "/*", "kafka.tools.DumpLogSegments",
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			command := exec.Command("java", append(java, strings.Fields(test.args)...)...)
			command.Stdout, command.Stderr = &stdout, &stderr
			var exited *exec.ExitError
			if err := command.Run(); err != nil && !errors.As(err, &exited) {
				t.Fatal(err)
			}
			got := outcome(stdout.String(), stderr.String(), command.ProcessState.ExitCode())
			name := filepath.Join("expected", test.name+".txt")
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
