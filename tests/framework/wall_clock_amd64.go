package framework

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Go program asks for the time in the page of code that the kernel gives each
// process (the vDSO), by a pointer of its own. clockCode takes its place: it asks the
// kernel itself and adds seconds to the wall clock, which a test changes while the
// program runs. The monotonic clock, by which timers run, stays, as it does when an
// administrator sets a machine's clock.
var clockCode = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov $228, %eax (clock_gettime)
	0x0f, 0x05, // syscall
	0x85, 0xc0, // test %eax, %eax
	0x75, 0x0e, // jnz to the end
	0x85, 0xff, // test %edi, %edi (CLOCK_REALTIME)
	0x75, 0x0a, // jnz to the end
	0x48, 0x8b, 0x0d, 0x0a, 0x00, 0x00, 0x00, // mov the seconds, %rcx
	0x48, 0x01, 0x0e, // add %rcx, (%rsi)
	0xc3, // ret
}

// secondsAt is where the seconds to add follow the code.
const secondsAt = 32

// clockPointer is the variable of Go's runtime that points to the kernel's code.
const clockPointer = "runtime.vdsoClockgettimeSym"

// SetWallClock sets the wall clock of a running program of ours apart from the
// machine's, again and again if need be. Where that cannot be done the error is
// errors.ErrUnsupported.
func (p *Process) SetWallClock(offset time.Duration) (err error) {
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.Pid()), os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	pointer, err := symbolOf(fmt.Sprintf("/proc/%d/exe", p.Pid()), clockPointer)
	if err != nil {
		return err
	}
	code, err := p.roomForCode(memory)
	if err != nil {
		return err
	}
	// No thread runs while its code changes.
	if err := p.Pause(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Resume()) }()
	if err := p.awaitPaused(); err != nil {
		return err
	}
	content := make([]byte, secondsAt+8)
	copy(content, clockCode)
	binary.LittleEndian.PutUint64(content[secondsAt:], uint64(int64(offset/time.Second)))
	if _, err := memory.WriteAt(content, int64(code)); err != nil {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	_, err = memory.WriteAt(binary.LittleEndian.AppendUint64(nil, code), int64(pointer))
	return err
}

// roomForCode finds a place in the kernel's page of code that a running program does
// not need any more: the table of sections.
func (p *Process) roomForCode(memory io.ReaderAt) (uint64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.Pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			return 0, err
		}
		var header elf.Header64
		if err := binary.Read(io.NewSectionReader(memory, int64(from), int64(binary.Size(header))), binary.LittleEndian, &header); err != nil {
			return 0, err
		}
		at := (from + header.Shoff + 15) &^ 15
		if uint64(header.Shnum)*uint64(header.Shentsize) < 128 || at+64 > to {
			return 0, fmt.Errorf("the kernel's page of code has no room: %w", errors.ErrUnsupported)
		}
		return at, nil
	}
	return 0, fmt.Errorf("the kernel gives the process no code: %w", errors.ErrUnsupported)
}

func symbolOf(program, name string) (uint64, error) {
	file, err := elf.Open(program)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return 0, err
	}
	for _, symbol := range symbols {
		if symbol.Name == name {
			return symbol.Value, nil
		}
	}
	return 0, fmt.Errorf("%s is not in %s", name, program)
}

// awaitPaused waits until all threads stand still.
func (p *Process) awaitPaused() error {
	deadline := time.Now().Add(startTimeout)
	for {
		running := false
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid()))
		if err != nil || len(stats) == 0 {
			return errors.Join(fmt.Errorf("process %d has ended", p.Pid()), err)
		}
		for _, stat := range stats {
			content, err := os.ReadFile(stat)
			if err != nil {
				continue // the thread has ended
			}
			if _, rest, _ := strings.Cut(string(content), ") "); !strings.HasPrefix(rest, "T") {
				running = true
			}
		}
		if !running {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not stand still", p.Pid())
		}
		time.Sleep(time.Millisecond)
	}
}
