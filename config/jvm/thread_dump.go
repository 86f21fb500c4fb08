package jvm

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

// DumpThreadsOnQuit has SIGQUIT write the stacks of all goroutines and the process
// go on, where Go's runtime would end it: operators of Java's servers ask for a
// thread dump so. The function it returns gives the signal back to the runtime.
func DumpThreadsOnQuit(to io.Writer) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGQUIT)
	go func() {
		defer close(done)
		for range signals {
			fmt.Fprintf(to, "%s\nFull thread dump:\n\n", time.Now().Format(time.DateTime))
			_ = pprof.Lookup("goroutine").WriteTo(to, 2)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
