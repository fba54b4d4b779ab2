package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Name is the first argument of the process.
const Name = "overrides-localmesh-machine"

const (
	// NodeAddress is the address of the bridge, at which Pods reach the node.
	NodeAddress = "10.244.0.1"
	// PodPrefix is the network of the Pods.
	PodPrefix = "10.244.0.0/16"
)

// Config is the configuration of the machine.
type Config struct {
	// Dir is the folder for all files.
	Dir string
	// Envoy is the path of a stock Envoy.
	Envoy string
	// Images are programs by the repository of the image that they run for.
	Images map[string]string
	// MeshConfig are Istio's MeshConfig fields.
	MeshConfig map[string]any
	// Revisions are the names of additional istiods.
	Revisions []string
	// CRDs are files with additional CustomResourceDefinitions.
	CRDs []string
}

// Socket returns the path of the socket on which the machine takes Requests.
func Socket(dir string) string { return filepath.Join(dir, "machine.sock") }

// Event is a line that the machine writes.
type Event struct {
	// Message names the component that has just started.
	Message string `json:"message,omitempty"`
	// Ready says that everything runs.
	Ready bool `json:"ready,omitempty"`
	// Kubeconfig is the path of an administrator's kubeconfig, with an address that is
	// valid only in the machine's network.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Error is why it ended.
	Error string `json:"error,omitempty"`
}

// Op is the operation of a Request.
type Op string

const (
	// Dial asks for a connection; the answer carries a file descriptor.
	Dial Op = "dial"
	// Listen asks for a listener in the node's own network; the answer carries its
	// file descriptor.
	Listen Op = "listen"
	// Signal sends a signal to a program of the control plane.
	Signal Op = "signal"
	// Restart ends a program of the control plane and starts it again.
	Restart Op = "restart"
)

// Request is one request; each uses its own connection to the socket.
type Request struct {
	Op Op `json:"op"`
	// Pod is the address of the Pod to connect from; empty for the node's own network.
	Pod string `json:"pod,omitempty"`
	// Namespace completes names of Services that are not fully qualified.
	Namespace string `json:"namespace,omitempty"`
	// Address is a host and port; for Dial the host may be the name of a Service.
	Address string `json:"address,omitempty"`
	// Program is etcd, kube-apiserver, kube-controller-manager, pilot-discovery, or
	// pilot-discovery-REVISION.
	Program string `json:"program,omitempty"`
	// Number is the number of the signal.
	Number syscall.Signal `json:"number,omitempty"`
}

// Response answers a Request.
type Response struct {
	Error string `json:"error,omitempty"`
}

// maxMessage bounds requests and responses.
const maxMessage = 16 << 10

// Ask sends a request and returns the socket that came with the answer, or nil.
func Ask(socket *net.UnixConn, request Request) (*os.File, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	if _, err := socket.Write(data); err != nil {
		return nil, fmt.Errorf("ask the machine: %w", err)
	}
	message, rights := make([]byte, maxMessage), make([]byte, syscall.CmsgSpace(4))
	n, nr, _, _, err := socket.ReadMsgUnix(message, rights)
	if err != nil {
		return nil, fmt.Errorf("ask the machine: %w", err)
	}
	file, err := received(rights[:nr])
	if err != nil {
		return nil, err
	}
	var response Response
	if err := json.Unmarshal(message[:n], &response); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.Error != "" {
		return nil, errors.New(response.Error)
	}
	return file, nil
}

// received makes a file from the descriptor that came with a message.
func received(rights []byte) (*os.File, error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("read control message: %w", err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("read file descriptors: %w", err)
	}
	syscall.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "socket"), nil
}
