package broker

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestDebugListenerServesProfilesOnTheLoopback(t *testing.T) {
	listener, err := startDebugListener(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.close()
	if address := listener.address.(*net.TCPAddr); !address.IP.IsLoopback() {
		t.Errorf("without a host it listens on %v", address)
	}
	response, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/goroutine?debug=1", listener.address))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(content), "goroutine profile:") {
		t.Errorf("%v: %.200s", err, content)
	}
	listener.close()
	if connection, err := net.Dial("tcp", listener.address.String()); err == nil {
		connection.Close()
		t.Error("it listens after it was closed")
	}
}

func TestDebugListenerIsOffUnlessAsked(t *testing.T) {
	if listener, err := startDebugListener(""); listener != nil || err != nil {
		t.Errorf("%v, %v", listener, err)
	}
	if _, err := startDebugListener("6060"); err == nil {
		t.Error("an address without a port is taken")
	}
}
