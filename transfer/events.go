package transfer

// EventKind is the kind of an [Event].
type EventKind int

// The kinds of events.
const (
	Connected EventKind = iota + 1 // to the relay, again
	Lost                           // the connection to the relay, which is tried again
	Met                            // the other side has proved the code; Route is not known yet
	Started                        // files are sent, over Route
	Away                           // the other side cannot be reached now
	Back                           // the other side can be reached again
	Fallback                       // the direct connection failed: Err; the relay carries the rest
	FileDone                       // a file has arrived, or was sent: Name
	Finished                       // the other side has everything
	Failed                         // the transfer with one receiver has ended: Err
	Guessed                        // a wrong code was tried
	Suspect                        // the relay delivered what no member sent: Err
	Waiting                        // no sender has answered a receiver yet
)

// Routes of the data.
const (
	RouteRelay  = "relay"
	RouteDirect = "direct"
)

// An Event tells what happens in a transfer.
type Event struct {
	Kind     EventKind
	Receiver int    // at the sender: 1 for the first receiver, and so on; 0 for none
	Name     string // of a file; of a safe name, but perhaps with characters that do not print
	Route    string // RouteRelay or RouteDirect
	Err      error
}
