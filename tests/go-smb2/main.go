// Calls a pipe through go-smb2, which knows nothing of Standpipe.
//
// Arguments: address with its port, pipe, user, dialect (such as 3.1.1), and the texts to call with, each on an open of
// its own; the password is in PASSWD. Prints what comes back, or the number of the status that came instead, and ends.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hirochachacha/go-smb2"
)

var dialects = map[string]uint16{"2.0.2": 0x202, "2.1": 0x210, "3.0": 0x300, "3.0.2": 0x302, "3.1.1": 0x311}

func main() {
	err := run(os.Args[1], os.Args[2], os.Args[3], dialects[os.Args[4]], os.Args[5:])
	var refused *smb2.ResponseError
	if errors.As(err, &refused) {
		fmt.Printf("0x%08x\n", refused.Code)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, pipe, user string, dialect uint16, texts []string) error {
	connection, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	dialer := &smb2.Dialer{
		Negotiator: smb2.Negotiator{RequireMessageSigning: true, SpecifiedDialect: dialect},
		Initiator:  &smb2.NTLMInitiator{User: user, Password: os.Getenv("PASSWD")},
	}
	session, err := dialer.Dial(connection)
	if err != nil {
		return err
	}
	defer session.Logoff()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	share, err := session.Mount(fmt.Sprintf(`\\%s\IPC$`, host))
	if err != nil {
		return err
	}
	defer share.Umount()
	for _, text := range texts {
		if err := call(share, pipe, text); err != nil {
			return err
		}
	}
	return nil
}

func call(share *smb2.Share, pipe, text string) error {
	opened, err := share.OpenFile(pipe, os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	defer opened.Close()
	if _, err := opened.WriteAt(append([]byte(text), 0), 0); err != nil {
		return err
	}
	// It reads until the buffer is full, and loses what it has when the pipe ends before.
	reply := make([]byte, len(text))
	length, err := opened.ReadAt(reply, 0)
	if err != nil {
		return err
	}
	fmt.Println(string(reply[:length]))
	return nil
}
