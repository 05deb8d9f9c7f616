package websocket

var AcceptOf = acceptOf
