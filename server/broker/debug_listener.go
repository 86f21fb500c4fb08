package broker

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gregor-broker/gregor/config/logging"
)

// DebugListenerVariable names the environment variable with the address, such as
// 127.0.0.1:6060, at which Go's profiler is served under /debug/pprof/. Kafka has no
// such thing, so it is no broker setting. It is off when the variable is empty.
const DebugListenerVariable = "GREGOR_DEBUG_LISTENER"

// debugListener serves the profiler. It is for whoever runs the process: there is no
// protection but the address, which is of the loopback unless a host is given.
type debugListener struct {
	server  *http.Server
	address net.Addr
	done    chan struct{}
}

// startDebugListener serves at an address; none when it is empty.
func startDebugListener(address string) (*debugListener, error) {
	if address == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", DebugListenerVariable, err)
	}
	if host == "" {
		host = "localhost"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", DebugListenerVariable, err)
	}
	d := &debugListener{
		server:  &http.Server{Handler: profiles(), ReadHeaderTimeout: 10 * time.Second},
		address: listener.Addr(), done: make(chan struct{}),
	}
	logger := logging.For("kafka.Kafka$")
	logger.Warnf("The profiler is served on http://%s/debug/pprof/", d.address)
	go func() {
		defer close(d.done)
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.WithError(err).Error("The profiler is not served any more")
		}
	}()
	return d, nil
}

func profiles() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// close ends the listener and what it serves.
func (d *debugListener) close() {
	if d != nil {
		_ = d.server.Close()
		<-d.done
	}
}
