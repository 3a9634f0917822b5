package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	gpuResource = "nvidia.com/gpu"
	gpuSocket   = "regsweep-gpu.sock"
	// standInVariable tells the trainer that the GPU it was given is none: it may train on the CPU after all.
	standInVariable = "REGSWEEP_ALLOW_CPU"
)

// runFakeGPU is a device plugin that offers as many devices as its argument says, with nothing behind them. Unlike a
// patch of the node's status it survives a restart of the kubelet, and the kubelet counts allocations as on real nodes.
func runFakeGPU(arguments []string) {
	count, err := strconv.Atoi(arguments[len(arguments)-1])
	if err != nil {
		fatal(err)
	}
	for {
		if err := serveFakeGPU(count); err != nil {
			fmt.Fprintln(os.Stderr, "the kubelet is not there yet:", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// serveFakeGPU serves until its socket vanishes: a kubelet that starts empties the folder and expects new registrations.
func serveFakeGPU(count int) error {
	path := filepath.Join(deviceplugin.DevicePluginPath, gpuSocket)
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	defer server.Stop()
	plugin := &fakeGPU{stopped: make(chan struct{})}
	defer close(plugin.stopped)
	for i := range count {
		plugin.devices = append(plugin.devices, &deviceplugin.Device{ID: fmt.Sprintf("gpu-%d", i), Health: deviceplugin.Healthy})
	}
	deviceplugin.RegisterDevicePluginServer(server, plugin)
	go func() { _ = server.Serve(listener) }()

	connection, err := grpc.NewClient("unix://"+deviceplugin.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = deviceplugin.NewRegistrationClient(connection).Register(deadline, &deviceplugin.RegisterRequest{
		Version: deviceplugin.Version, Endpoint: gpuSocket, ResourceName: gpuResource})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "registered", count, gpuResource)
	for {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

type fakeGPU struct {
	deviceplugin.UnimplementedDevicePluginServer
	devices []*deviceplugin.Device
	stopped chan struct{}
}

func (f *fakeGPU) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{}, nil
}

func (f *fakeGPU) ListAndWatch(_ *deviceplugin.Empty, stream grpc.ServerStreamingServer[deviceplugin.ListAndWatchResponse]) error {
	if err := stream.Send(&deviceplugin.ListAndWatchResponse{Devices: f.devices}); err != nil {
		return err
	}
	select {
	case <-f.stopped:
	case <-stream.Context().Done():
	}
	return nil
}

func (f *fakeGPU) Allocate(_ context.Context, request *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	response := &deviceplugin.AllocateResponse{}
	for range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses,
			&deviceplugin.ContainerAllocateResponse{Envs: map[string]string{standInVariable: "1"}})
	}
	return response, nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
