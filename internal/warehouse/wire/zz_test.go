package wire

import (
	"fmt"
	"os"
	"os/signal"
	"testing"
)

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	e := serve(t, nil)
	fmt.Println(e.address)
	os.WriteFile("/dev/shm/w/addr", []byte(e.address), 0644)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	fmt.Println(e.log.String())
}
