package bluetooth

// macOS has no Bluetooth sockets.
const (
	number       = -1
	numberRFCOMM = -1

	protoHCI    = 0
	protoL2CAP  = 0
	protoRFCOMM = 0
	protoSCO    = 0
)
