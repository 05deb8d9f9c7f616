package bluetooth

// The numbers of netgraph/bluetooth/include/ng_btsocket.h.
const (
	number       = 36
	numberRFCOMM = number

	protoHCI    = 134
	protoL2CAP  = 135
	protoRFCOMM = 136
	protoSCO    = 137
)
