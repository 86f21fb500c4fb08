package broker

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
)

// settled is how long after its start a broker gives back the memory that loading
// its logs took. An idle one would otherwise keep it until the collector's turn,
// which comes after two minutes.
const settled = 3 * time.Second

// Run starts a broker, stops it when a signal comes, and returns the exit code of
// the process, as kafka.Kafka.
func Run(settings *config.BrokerConfig) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	defer jvm.DumpThreadsOnQuit(os.Stdout)()
	logger := logging.For("org.apache.kafka.common.utils.LoggingSignalHandler")
	logger.Info("Registered signal handlers for TERM, INT, HUP")
	caught := make(chan os.Signal, 1)
	go func() {
		name := <-signals
		logger.Infof("Terminating process due to signal %s", signalName(name))
		caught <- name
		cancel()
	}()
	profiler, err := startDebugListener(os.Getenv(DebugListenerVariable))
	if err != nil {
		logger.Error(err)
		return 1
	}
	defer profiler.close()
	server := New(settings, func(status int) {
		logging.For("kafka.server.KafkaServer").Errorf("Halting with status %d", status)
		_ = logging.Close()
		os.Exit(status)
	})
	if err := server.Startup(ctx); err != nil {
		logging.For("kafka.Kafka$").Error("Exiting Kafka.")
		return exitCode(caught, 1)
	}
	defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
	select {
	case <-ctx.Done():
		server.Shutdown()
	case <-server.Stopped():
	}
	return exitCode(caught, 0)
}

func exitCode(caught chan os.Signal, otherwise int) int {
	select {
	case name := <-caught:
		if number, ok := name.(syscall.Signal); ok {
			return 128 + int(number)
		}
	default:
	}
	return otherwise
}

func signalName(caught os.Signal) string {
	switch caught {
	case os.Interrupt:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return "SIGHUP"
}
