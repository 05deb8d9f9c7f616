package socket

// Ancillary data is not implemented on Windows: its items return an error.

const controlHeader = 16

func controlAlign(n int) int { return (n + 7) &^ 7 }

func appendControl(b []byte, _ RawAncillary) []byte { return b }

func cutControl([]byte) (raw RawAncillary, rest []byte, err error) { return raw, nil, errNoControl }

func decodeAncillary(raw RawAncillary) (Ancillary, error) { return raw, nil }

func (Rights) encode() (RawAncillary, error)              { return RawAncillary{}, errNoControl }
func (Credentials) encode() (RawAncillary, error)         { return RawAncillary{}, errNoControl }
func (PacketInfo) encode() (RawAncillary, error)          { return RawAncillary{}, errNoControl }
func (TOS) encode() (RawAncillary, error)                 { return RawAncillary{}, errNoControl }
func (HopLimit) encode() (RawAncillary, error)            { return RawAncillary{}, errNoControl }
func (SegmentSize) encode() (RawAncillary, error)         { return RawAncillary{}, errNoControl }
func (ProcessFD) encode() (RawAncillary, error)           { return RawAncillary{}, errNoControl }
func (Timestamp) encode() (RawAncillary, error)           { return RawAncillary{}, errNoControl }
func (OriginalDestination) encode() (RawAncillary, error) { return RawAncillary{}, errNoControl }
func (ExtendedError) encode() (RawAncillary, error)       { return RawAncillary{}, errNoControl }
func (Dropped) encode() (RawAncillary, error)             { return RawAncillary{}, errNoControl }
func (SecurityLabel) encode() (RawAncillary, error)       { return RawAncillary{}, errNoControl }
