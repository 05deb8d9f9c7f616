package inet

import (
	"golang.org/x/sys/windows"

	"github.com/sealsock/sealsock/socket"
)

// numbers has the options that this system has, by their C names.
var numbers = map[string]socket.OptionNumber{
	"IP_ADD_MEMBERSHIP":   {Level: windows.IPPROTO_IP, Name: windows.IP_ADD_MEMBERSHIP},
	"IP_DROP_MEMBERSHIP":  {Level: windows.IPPROTO_IP, Name: windows.IP_DROP_MEMBERSHIP},
	"IP_HDRINCL":          {Level: windows.IPPROTO_IP, Name: windows.IP_HDRINCL},
	"IP_MTU_DISCOVER":     {Level: windows.IPPROTO_IP, Name: windows.IP_MTU_DISCOVER},
	"IP_MULTICAST_IF":     {Level: windows.IPPROTO_IP, Name: windows.IP_MULTICAST_IF},
	"IP_MULTICAST_LOOP":   {Level: windows.IPPROTO_IP, Name: windows.IP_MULTICAST_LOOP},
	"IP_MULTICAST_TTL":    {Level: windows.IPPROTO_IP, Name: windows.IP_MULTICAST_TTL},
	"IP_PKTINFO":          {Level: windows.IPPROTO_IP, Name: windows.IP_PKTINFO},
	"IP_TOS":              {Level: windows.IPPROTO_IP, Name: windows.IP_TOS},
	"IP_TTL":              {Level: windows.IPPROTO_IP, Name: windows.IP_TTL},
	"IPV6_JOIN_GROUP":     {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_JOIN_GROUP},
	"IPV6_LEAVE_GROUP":    {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_LEAVE_GROUP},
	"IPV6_MTU_DISCOVER":   {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_MTU_DISCOVER},
	"IPV6_MULTICAST_HOPS": {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_MULTICAST_HOPS},
	"IPV6_MULTICAST_IF":   {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_MULTICAST_IF},
	"IPV6_MULTICAST_LOOP": {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_MULTICAST_LOOP},
	"IPV6_UNICAST_HOPS":   {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_UNICAST_HOPS},
	"IPV6_V6ONLY":         {Level: windows.IPPROTO_IPV6, Name: windows.IPV6_V6ONLY},
	"TCP_FASTOPEN":        {Level: windows.IPPROTO_TCP, Name: windows.TCP_FASTOPEN},
	"TCP_KEEPALIVE":       {Level: windows.IPPROTO_TCP, Name: windows.TCP_KEEPALIVE},
	"TCP_KEEPCNT":         {Level: windows.IPPROTO_TCP, Name: windows.TCP_KEEPCNT},
	"TCP_KEEPIDLE":        {Level: windows.IPPROTO_TCP, Name: windows.TCP_KEEPIDLE},
	"TCP_KEEPINTVL":       {Level: windows.IPPROTO_TCP, Name: windows.TCP_KEEPINTVL},
	"TCP_MAXSEG":          {Level: windows.IPPROTO_TCP, Name: windows.TCP_MAXSEG},
	"TCP_NODELAY":         {Level: windows.IPPROTO_TCP, Name: windows.TCP_NODELAY},
}
