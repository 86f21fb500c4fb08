// Package zookeeper holds the commands around ZooKeeper: the server and its shell.
package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// Exit codes of ZooKeeper's servers (ExitCode).
const (
	exitFinished        = 0
	exitUnexpectedError = 1
	exitInvalid         = 2
	exitDatadir         = 3
	exitSnapshot        = 10
	exitSignalled       = 128
)

// errArguments says that a command line does not make sense.
var errArguments = errors.New("invalid number of arguments")

// QuorumPeerMain runs a server until SIGTERM or SIGINT (class QuorumPeerMain; with
// no ensemble configured that hands over to ZooKeeperServerMain). The arguments are
// a configuration file, or a port, a data directory and perhaps a tick time and the
// number of connections a client may have. It returns the process's exit code; after
// a signal that is 128 and the signal's number, as a Java process has it.
func QuorumPeerMain(args []string, stdout, stderr io.Writer) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	defer jvm.DumpThreadsOnQuit(stdout)()
	var received atomic.Int32
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case sig := <-signals:
			received.Store(int32(sig.(syscall.Signal)))
			stop()
		case <-ctx.Done():
		}
	})
	code := runServer(ctx, args, stderr)
	stop()
	waiting.Wait()
	if sig := received.Load(); sig != 0 && code == exitFinished {
		return exitSignalled + int(sig)
	}
	return code
}

// Loggers of the classes that begin a server: the first hands over to the second
// when it has found no ensemble in the configuration.
const (
	quorumPeerMain      = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
	zooKeeperServerMain = "org.apache.zookeeper.server.ZooKeeperServerMain"
)

func runServer(ctx context.Context, args []string, stderr io.Writer) int {
	log := logging.For(quorumPeerMain)
	var cfg *zkserver.Config
	var err error
	if len(args) == 1 {
		cfg, err = configFromFile(args[0])
	}
	if err == nil {
		log.Warn("Either no config or no quorum defined in config, running in standalone mode")
		log = logging.For(zooKeeperServerMain)
		if cfg == nil {
			cfg, err = configFromArguments(args)
		}
	}
	if err == nil {
		log.Info("Starting server")
		err = zkserver.New(cfg, logging.For).Run(ctx)
	}
	return exitCode(err, log, stderr)
}

func configFromFile(path string) (*zkserver.Config, error) {
	config := logging.For("org.apache.zookeeper.server.quorum.QuorumPeerConfig")
	config.Infof("Reading configuration from: %s", path)
	cfg, err := zkserver.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	config.Infof("clientPortAddress is %s", zkserver.JavaAddress(cfg.ClientAddress))
	return cfg, nil
}

// configFromArguments reads "port datadir [ticktime] [maxcnxns]".
func configFromArguments(args []string) (*zkserver.Config, error) {
	if len(args) < 2 || len(args) > 4 {
		return nil, fmt.Errorf("%w:%v", errArguments, args)
	}
	cfg := zkserver.DefaultConfig()
	port, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: For input string: %q", errArguments, args[0])
	}
	cfg.ClientAddress = fmt.Sprintf(":%d", port)
	cfg.DataDir = args[1]
	if len(args) > 2 {
		tick, err := strconv.ParseUint(args[2], 10, 31)
		if err != nil || tick == 0 {
			return nil, fmt.Errorf("%w: For input string: %q", errArguments, args[2])
		}
		cfg.TickTime = time.Duration(tick) * time.Millisecond
	}
	if len(args) > 3 {
		limit, err := strconv.ParseUint(args[3], 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%w: For input string: %q", errArguments, args[3])
		}
		cfg.MaxClientCnxns = int(limit)
	}
	return cfg, nil
}

// exitCode says on the log and on stderr what went wrong, in ZooKeeper's words.
func exitCode(err error, log *logrus.Entry, stderr io.Writer) int {
	const usage = "Usage: ZooKeeperServerMain configfile | port datadir [ticktime] [maxcnxns]"
	switch {
	case err == nil:
		log.Info("Exiting normally")
		return exitFinished
	case errors.Is(err, errArguments):
		log.WithError(err).Error("Invalid arguments, exiting abnormally")
		log.Info(usage)
		fmt.Fprintln(stderr, usage)
		return exitInvalid
	case errors.Is(err, zkserver.ErrConfig):
		log.WithError(err).Error("Invalid config, exiting abnormally")
		fmt.Fprintln(stderr, "Invalid config, exiting abnormally")
		return exitInvalid
	case errors.Is(err, zkserver.ErrDatadir):
		log.WithError(err).Error("Unable to access datadir, exiting abnormally")
		fmt.Fprintln(stderr, "Unable to access datadir, exiting abnormally")
		return exitDatadir
	case errors.Is(err, zkserver.ErrSnapshot):
		log.WithError(err).Error("Severe unrecoverable error, exiting")
		return exitSnapshot
	}
	log.WithError(err).Error("Unexpected exception, exiting abnormally")
	return exitUnexpectedError
}
