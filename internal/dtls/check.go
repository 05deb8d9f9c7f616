package dtls

// A CheckType is the type of a message of a return routability check.
type CheckType uint8

// The types. RFC 9853, Section 4.
const (
	PathChallenge CheckType = iota
	PathResponse
	PathDrop
)

// A CheckCookie is what a challenge has and its answer repeats.
type CheckCookie [8]byte

// A Check is a message of a return routability check. RFC 9853, Section 4:
//
//	uint64 Cookie;
//	enum { path_challenge(0), path_response(1), path_drop(2), (255) } rrc_msg_type;
//	struct {
//	    rrc_msg_type msg_type;
//	    select (return_routability_check.msg_type) {
//	        case path_challenge: Cookie;
//	        case path_response:  Cookie;
//	        case path_drop:      Cookie;
//	    };
//	} return_routability_check;
type Check struct {
	Type   CheckType
	Cookie CheckCookie
}

// CheckLen is the length of a Check in bytes.
const CheckLen = 1 + len(CheckCookie{})

// ParseCheck parses the content of a record. It is not ok if that is malformed, or of a type that
// is not known.
func ParseCheck(b []byte) (m Check, ok bool) {
	if len(b) != CheckLen || CheckType(b[0]) > PathDrop {
		return m, false
	}
	return Check{CheckType(b[0]), CheckCookie(b[1:])}, true
}

// AppendTo appends the message to b.
func (m Check) AppendTo(b []byte) []byte { return append(append(b, byte(m.Type)), m.Cookie[:]...) }
