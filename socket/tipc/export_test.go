package tipc

// ParseEvent is parseEvent for the fuzz test.
var ParseEvent = parseEvent
