package link

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KernelProber asks the drivers by ioctl on a socket of its own.
type KernelProber struct{ fd int }

// NewKernelProber opens one.
func NewKernelProber() (*KernelProber, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("linkbeat: %w", err)
	}
	return &KernelProber{fd}, nil
}

// Close ends it.
func (p *KernelProber) Close() error { return unix.Close(p.fd) }

// Numbers of linux/sockios.h, linux/mii.h and linux/ethtool.h.
const (
	siocGMIIPHY = 0x8947
	siocGMIIREG = 0x8948
	miiBMSR     = 1
	bmsrLink    = 0x0004
	glink       = 0x0a
)

// ifreqData is struct ifreq with what these requests put behind the name.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data [24]byte
}

// Link implements Prober. An interface that is administratively down is down
// whatever its driver says.
func (p *KernelProber) Link(name string, first BeatKind) (bool, BeatKind, error) {
	flags, err := p.flags(name)
	if err != nil {
		return false, "", err
	}
	kinds := []BeatKind{BeatMII, BeatEthtool, BeatIOCTL}
	if first != "" {
		kinds = append([]BeatKind{first}, kinds...)
	}
	var errs []error
	for _, k := range kinds {
		var up bool
		var err error
		switch k {
		case BeatMII:
			up, err = p.mii(name)
		case BeatEthtool:
			up, err = p.ethtool(name)
		default:
			up = flags&unix.IFF_RUNNING != 0
		}
		if err == nil {
			return up && flags&unix.IFF_UP != 0, k, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", k, err))
	}
	return false, "", errors.Join(errs...)
}

func (p *KernelProber) ioctl(req uint, arg unsafe.Pointer) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(p.fd), uintptr(req), uintptr(arg)); e != 0 {
		return e
	}
	return nil
}

func (p *KernelProber) flags(name string) (uint16, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(p.fd, unix.SIOCGIFFLAGS, req); err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return req.Uint16(), nil
}

// mii reads the status register. Its link bit stays 0 after a loss until it is
// read, so the second reading counts.
func (p *KernelProber) mii(name string) (bool, error) {
	var r ifreqData
	copy(r.name[:unix.IFNAMSIZ-1], name)
	if err := p.ioctl(siocGMIIPHY, unsafe.Pointer(&r)); err != nil {
		return false, err
	}
	mii := (*struct{ phy, reg, in, out uint16 })(unsafe.Pointer(&r.data))
	for range 2 {
		mii.reg = miiBMSR
		if err := p.ioctl(siocGMIIREG, unsafe.Pointer(&r)); err != nil {
			return false, err
		}
	}
	return mii.out&bmsrLink != 0, nil
}

func (p *KernelProber) ethtool(name string) (bool, error) {
	value := struct{ cmd, data uint32 }{cmd: glink}
	r := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	if err := p.ioctl(unix.SIOCETHTOOL, unsafe.Pointer(&r)); err != nil {
		return false, err
	}
	return value.data != 0, nil
}
