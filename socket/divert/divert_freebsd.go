package divert

const number = afDivert
