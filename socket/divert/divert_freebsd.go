package divert

const number = 44 // AF_DIVERT
